// SPDX-License-Identifier: Apache-2.0
#include "sink/background.hpp"

#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>

#include "sink/encode/encoder.hpp"
#include "sink/filter.hpp"

namespace portlid::sink {

namespace {

constexpr std::chrono::milliseconds kPumpPeriod{100};  // while the inner sink has not written all
constexpr std::chrono::milliseconds kLastPumps{10};    // the same at the end of a run
constexpr std::chrono::seconds kLastWrites{2};
constexpr std::uint64_t kAtOnce = 64;  // written before room for them is given back

class Background final : public Sink {
public:
    Background(const SinkSpec& spec, std::unique_ptr<Sink> inner, Account account,
               std::size_t queue_bytes)
        : spec_(spec),
          filter_(spec.kinds, spec.severity),
          inner_(std::move(inner)),
          limit_(queue_bytes),
          account_(std::move(account)),
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
        account_.lose(queue_.size() + work_.size());
        account_.close();
    }
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    void write(const Record& record) override {
        if (!filter_.passes(record.kind, record.severity)) return;
        {
            const std::lock_guard lock(mutex_);
            const auto own = account_.give(record.seq);
            // The last quarter is not for packet verdicts: a scan cannot push out a bind.
            const auto room = is_traffic(record.kind) ? limit_ / 4 * 3 : limit_;
            if (bytes_ + record.line->size() > room) return lose();
            bytes_ += record.line->size();
            queue_.push_back({record, spec_.filtered() ? own : 0});
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
        state.lag = queue_.size() + busy_;
        state.lost = lost_;
        state.sent = sent_;
        state.has_room = false;  // for the word about a loss: this sink says when, below
        return state;
    }

    [[nodiscard]] std::optional<SinkGap> take_gap() override {
        const std::lock_guard lock(mutex_);
        if (!account_.untold() || !state_.up || bytes_ > limit_ / 2) return std::nullopt;
        return account_.tell(spec_.name);
    }

private:
    struct Waiting {
        Record record;
        std::uint64_t sink_seq;
    };
    struct Done {
        std::uint64_t written = 0;
        std::uint64_t lost = 0;
        std::size_t bytes = 0;
    };

    void lose() {
        ++lost_;
        account_.lose(1);
    }

    [[nodiscard]] std::optional<Record> encoded(const Waiting& one) const {
        auto record = one.record;
        if (spec_.format == Format::Native && one.sink_seq == 0 && spec_.redact.empty())
            return record;
        auto text = encode(spec_.format, *record.line, one.sink_seq, spec_.redact);
        if (!text) return std::nullopt;
        record.line = std::make_shared<const std::string>(std::move(*text));
        return record;
    }

    // Hands it to the inner sink, or goes on with what that holds of it. False: never to be
    // written.
    bool attempt(const Waiting& one) {
        if (begun_) return inner_->pump(), true;
        const auto record = encoded(one);
        if (record) inner_->write(*record);
        return record.has_value();
    }

    // Whether the oldest is done with, written or lost; else it stays the oldest.
    bool put(const Waiting& one, Done& done) {
        account_.begin();
        const bool readable = attempt(one);
        const auto now = inner_->state();
        const bool refused = !readable || std::exchange(inner_lost_, now.lost) != now.lost;
        begun_ = now.lag != 0;
        account_.end(!begun_ && !refused);
        if (begun_) return false;
        ++(refused ? done.lost : done.written);
        done.bytes += one.record.line->size();
        return true;
    }

    Done put_some() {
        Done done;
        stalled_ = false;
        while (!work_.empty() && !stalled_ && done.written + done.lost < kAtOnce) {
            stalled_ = !put(work_.front(), done);
            if (!stalled_) work_.pop_front();
        }
        return done;
    }

    void wait(std::unique_lock<std::mutex>& lock) {
        const auto ready = [this] { return stop_ || reopen_ || !queue_.empty(); };
        if (stop_ && stalled_)
            wake_.wait_for(lock, kLastPumps, [this] { return reopen_; });
        else if (stalled_ || (work_.empty() && !state_.up))
            wake_.wait_for(lock, kPumpPeriod, ready);
        else if (work_.empty())
            wake_.wait(lock, ready);
    }

    void note(const Done& done, SinkState state) {
        bytes_ -= done.bytes;
        busy_ = work_.size();
        sent_ += done.written;
        lost_ += done.lost;
        account_.lose(done.lost);
        state_ = std::move(state);
    }

    // The end: everything is written, or what is left cannot be.
    [[nodiscard]] bool ended() {
        if (!stop_) return false;
        if (work_.empty() && queue_.empty()) return true;
        const auto now = std::chrono::steady_clock::now();
        if (last_writes_ == decltype(now){}) last_writes_ = now + kLastWrites;
        return stalled_ && (!state_.up || now >= last_writes_);
    }

    // The inner sink belongs to this thread alone; others see the copy of its state.
    void run() {
        std::unique_lock lock(mutex_);
        while (!ended()) {
            wait(lock);
            const bool reopening = std::exchange(reopen_, false);
            std::move(queue_.begin(), queue_.end(), std::back_inserter(work_));
            queue_.clear();
            busy_ = work_.size();
            lock.unlock();
            const auto done = put_some();
            if (reopening) inner_->reopen();
            if (work_.empty()) inner_->pump();
            auto state = inner_->state();
            lock.lock();
            note(done, std::move(state));
        }
    }

    const SinkSpec spec_;
    const Filter filter_;
    std::unique_ptr<Sink> inner_;
    const std::size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Waiting> queue_;
    std::size_t bytes_ = 0;  // of what waits, here and there
    std::size_t busy_ = 0;   // of these, taken out and not written yet
    std::uint64_t lost_ = 0;
    std::uint64_t sent_ = 0;
    // How many were given is the caller's thread's to say, what is written this one's, the rest is
    // under the lock.
    Account account_;
    SinkState state_;
    bool reopen_ = false;
    bool stop_ = false;
    // Of the thread, until it has ended:
    std::deque<Waiting> work_;
    bool begun_ = false;    // the inner sink holds the first of them
    bool stalled_ = false;  // and does not get on with it
    std::uint64_t inner_lost_ = 0;
    std::chrono::steady_clock::time_point last_writes_{};
    std::thread thread_;
};

}  // namespace

std::unique_ptr<Sink> make_background(const SinkSpec& spec, std::unique_ptr<Sink> inner,
                                      Account account, std::size_t queue_bytes) {
    return std::make_unique<Background>(spec, std::move(inner), std::move(account), queue_bytes);
}

}  // namespace portlid::sink
