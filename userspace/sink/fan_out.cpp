// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>

#include "sink/sequence.hpp"
#include "sink/sink.hpp"
#include "sink/spooler.hpp"

namespace portlid::sink {

namespace {

constexpr std::size_t kRecentBytes = 2U << 20U;

class Recent {
public:
    void add(std::uint64_t seq, std::shared_ptr<const std::string> line) {
        bytes_ += line->size();
        lines_.emplace_back(seq, std::move(line));
        while (bytes_ > kRecentBytes) {
            bytes_ -= lines_.front().second->size();
            lines_.pop_front();
        }
    }
    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::string>> after(
        std::uint64_t seq) const {
        const auto first = std::partition_point(
            lines_.begin(), lines_.end(), [seq](const auto& entry) { return entry.first <= seq; });
        std::vector<std::pair<std::uint64_t, std::string>> found;
        for (auto at = first; at != lines_.end(); ++at) found.emplace_back(at->first, *at->second);
        return found;
    }

private:
    std::deque<std::pair<std::uint64_t, std::shared_ptr<const std::string>>> lines_;  // by seq
    std::size_t bytes_ = 0;
};

class Numbered final : public FanOut {
public:
    Numbered(std::unique_ptr<PageKeeper> keeper, Sequence sequence)
        : keeper_(std::move(keeper)), sequence_(std::move(sequence)) {}

    [[nodiscard]] PageKeeper& keeper() override { return *keeper_; }

    void add(std::unique_ptr<Sink> sink) override { outlets_.push_back({std::move(sink), 0, {}}); }

    // Sinks go before the spool that they read.
    ~Numbered() override {
        if (spooler_) spooler_->flush(std::chrono::seconds(1));
        outlets_.clear();
    }
    void set_spool(std::unique_ptr<Spooler> spooler) override { spooler_ = std::move(spooler); }

    void emit(event::Event event) override {
        event.seq = sequence_.next();
        const Record record(event);
        if (spooler_) spooler_->push(record);
        for (auto& outlet : outlets_) {
            outlet.sink->write(record);
            note_loss(outlet);
        }
        recent_.add(record.seq, record.line);
    }

    void pump() override {
        for (auto& outlet : outlets_) {
            outlet.sink->pump();
            note_loss(outlet);
        }
        keeper_->look();
    }

    void reopen() override {
        for (auto& outlet : outlets_) outlet.sink->reopen();
    }

    [[nodiscard]] std::uint64_t emitted() const override { return sequence_.last(); }

    [[nodiscard]] std::uint64_t lost_in_queues() const override {
        std::uint64_t lost = spooler_ ? spooler_->state().lost : 0;
        for (const auto& outlet : outlets_) lost += outlet.sink->state().lost;
        return lost;
    }

    [[nodiscard]] std::vector<SinkState> states() const override {
        std::vector<SinkState> all;
        for (const auto& outlet : outlets_) all.push_back(outlet.sink->state());
        return all;
    }

    [[nodiscard]] std::vector<SinkGap> take_gaps() override {
        std::vector<SinkGap> gaps;
        if (spooler_)
            if (auto gap = spooler_->take_gap()) gaps.push_back(std::move(*gap));
        for (auto& outlet : outlets_) {
            if (auto gap = outlet.sink->take_gap()) gaps.push_back(std::move(*gap));
            const auto state = outlet.sink->state();
            if (state.lost == outlet.told || !state.has_room) continue;
            gaps.push_back(
                {state.name, "queue", state.lost - outlet.told, outlet.loss_since, state.lost});
            outlet.told = state.lost;
        }
        return gaps;
    }

    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::string>> recent(
        std::uint64_t after) const override {
        return recent_.after(after);
    }

private:
    struct Outlet {
        std::unique_ptr<Sink> sink;
        std::uint64_t told = 0;  // losses already given out by take_gaps
        WallTime loss_since;
        std::uint64_t seen = 0;
    };

    static void note_loss(Outlet& outlet) {
        const auto lost = outlet.sink->state().lost;
        if (lost > outlet.seen && outlet.seen == outlet.told) outlet.loss_since = wall_now();
        outlet.seen = lost;
    }

    std::unique_ptr<PageKeeper> keeper_;
    Sequence sequence_;
    std::unique_ptr<Spooler> spooler_;
    std::vector<Outlet> outlets_;
    Recent recent_;
};

}  // namespace

Result<std::unique_ptr<FanOut>> FanOut::open(const std::string& sequence_file,
                                             const std::filesystem::path& live) {
    auto keeper = std::make_unique<PageKeeper>(live);
    auto sequence = Sequence::open(sequence_file, *keeper);
    if (!sequence) return pass_on(std::move(sequence).error());
    return std::make_unique<Numbered>(std::move(keeper), std::move(*sequence));
}

}  // namespace portlid::sink
