// SPDX-License-Identifier: Apache-2.0
#include "sink/background.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "sink/encode/encoder.hpp"
#include "sink/filter.hpp"

namespace portlid::sink {

namespace {

constexpr std::chrono::milliseconds kPumpPeriod{100};  // while the inner sink has not written all

class Background final : public Sink {
public:
    Background(const SinkSpec& spec, std::unique_ptr<Sink> inner, std::optional<Cursor> numbers,
               std::size_t queue_bytes)
        : spec_(spec),
          filter_(spec.kinds, spec.severity),
          inner_(std::move(inner)),
          numbers_(std::move(numbers)),
          limit_(queue_bytes),
          state_(inner_->state()) {
        thread_ = std::thread([this] { run(); });
    }
    ~Background() override {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    void write(const Record& record) override {
        if (!filter_.passes(record.kind, record.severity)) return;
        const auto own = spec_.filtered() && numbers_ ? ++(*numbers_)->sink_seq : 0;
        {
            const std::lock_guard lock(mutex_);
            // The last quarter is not for packet verdicts: a scan cannot push out a bind.
            const auto room = is_traffic(record.kind) ? limit_ / 4 * 3 : limit_;
            if (bytes_ + record.line->size() > room) {
                ++lost_;
                return;
            }
            bytes_ += record.line->size();
            queue_.push_back({record, own});
        }
        wake_.notify_one();
    }

    void pump() override {}
    void reopen() override {
        const std::lock_guard lock(mutex_);
        reopen_ = true;
        wake_.notify_one();
    }

    [[nodiscard]] SinkState state() const override {
        const std::lock_guard lock(mutex_);
        auto state = state_;
        state.name = spec_.name;
        state.target = spec_.target;
        state.format = to_string(spec_.format);
        state.lag += queue_.size() + busy_;
        state.lost += lost_;
        state.sent = sent_;
        state.has_room = state.has_room && bytes_ <= limit_ / 2;
        return state;
    }

private:
    struct Waiting {
        Record record;
        std::uint64_t sink_seq;
    };

    void hand_over(const std::deque<Waiting>& some) {
        for (const auto& one : some) {
            const bool as_it_is =
                spec_.format == Format::Native && one.sink_seq == 0 && spec_.redact.empty();
            auto record = one.record;
            if (!as_it_is) {
                auto text = encode(spec_.format, *record.line, one.sink_seq, spec_.redact);
                if (!text) continue;
                record.line = std::make_shared<const std::string>(std::move(*text));
            }
            inner_->write(record);
        }
    }

    // The inner sink belongs to this thread alone; others see the copy of its state.
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            const auto ready = [this] { return stop_ || reopen_ || !queue_.empty(); };
            if (state_.lag != 0 || !state_.up)
                wake_.wait_for(lock, kPumpPeriod, ready);
            else
                wake_.wait(lock, ready);
            const bool stopping = stop_;
            const bool reopening = std::exchange(reopen_, false);
            const auto some = std::exchange(queue_, {});
            bytes_ = 0;
            busy_ = some.size();
            lock.unlock();
            if (!some.empty()) hand_over(some);
            reopening ? inner_->reopen() : inner_->pump();
            auto state = inner_->state();
            lock.lock();
            busy_ = 0;
            sent_ += some.size();
            state_ = std::move(state);
            if (stopping && queue_.empty()) return;
        }
    }

    const SinkSpec spec_;
    const Filter filter_;
    std::unique_ptr<Sink> inner_;
    std::optional<Cursor> numbers_;  // of the caller's thread
    const std::size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Waiting> queue_;
    std::size_t bytes_ = 0;
    std::size_t busy_ = 0;  // taken out and not written yet
    std::uint64_t lost_ = 0;
    std::uint64_t sent_ = 0;
    SinkState state_;
    bool reopen_ = false;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace

std::unique_ptr<Sink> make_background(const SinkSpec& spec, std::unique_ptr<Sink> inner,
                                      std::optional<Cursor> numbers, std::size_t queue_bytes) {
    return std::make_unique<Background>(spec, std::move(inner), std::move(numbers), queue_bytes);
}

}  // namespace portlid::sink
