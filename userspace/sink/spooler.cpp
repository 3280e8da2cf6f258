// SPDX-License-Identifier: Apache-2.0
#include "sink/spooler.hpp"

#include <algorithm>

namespace portlid::sink {

namespace {
constexpr std::size_t kChunk = 512;  // records in one write
constexpr std::chrono::seconds kSyncAfter{1};
constexpr std::chrono::seconds kTryAgain{1};
}  // namespace

Spooler::Spooler(std::unique_ptr<Spool> spool, std::uint64_t disk_cap_bytes, std::uint64_t last_seq,
                 std::size_t queue_bytes)
    : spool_(std::move(spool)),
      disk_cap_(disk_cap_bytes),
      limit_(queue_bytes),
      last_seq_(last_seq) {
    thread_ = std::thread([this] { run(); });
}

Spooler::~Spooler() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

bool Spooler::fits(const Record& record) const {
    const auto room = is_traffic(record.kind) ? limit_ / 4 * 3 : limit_;
    return bytes_ + record.line->size() <= room;
}

void Spooler::push(const Record& record) {
    {
        const std::lock_guard lock(mutex_);
        if (!fits(record)) {
            if (state_.lost == told_) loss_since_ = wall_now();
            ++state_.lost;
            return;
        }
        bytes_ += record.line->size();
        queue_.push_back(record);
    }
    wake_.notify_one();
}

Spooler::State Spooler::state() const {
    const std::lock_guard lock(mutex_);
    auto state = state_;
    state.lag = queue_.size();
    state.bytes = spool_->tail() - spool_->head();
    return state;
}

// Told when there is room for the word about it, so that it does not get lost as well.
std::optional<SinkGap> Spooler::take_gap() {
    const std::lock_guard lock(mutex_);
    if (state_.lost == told_ || bytes_ > limit_ / 2) return std::nullopt;
    SinkGap gap{"spool", "queue", state_.lost - told_, loss_since_};
    told_ = state_.lost;
    return gap;
}

void Spooler::flush(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    emptied_.wait_for(lock, limit, [this] { return queue_.empty() || !state_.why.empty(); });
}

int Spooler::attach(Reader reader) {
    const std::lock_guard lock(readers_mutex_);
    readers_.emplace(next_reader_, std::move(reader));
    return next_reader_++;
}

void Spooler::detach(int id) {
    const std::lock_guard lock(readers_mutex_);
    readers_.erase(id);
}

// Wakes the readers, and forgets what all of them have behind them.
void Spooler::tidy() {
    auto oldest = spool_->tail();
    {
        const std::lock_guard lock(readers_mutex_);
        for (const auto& [id, reader] : readers_) {
            reader.wake();
            oldest = std::min(oldest, reader.position());
        }
    }
    spool_->forget(oldest);
}

// The queue is unlocked while the disk works. False: the disk did not take it.
bool Spooler::append_some(std::unique_lock<std::mutex>& lock) {
    const auto count = std::min(queue_.size(), kChunk);
    const std::vector<Record> some(queue_.begin(),
                                   queue_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    Result<> done;
    if (spool_->tail() - spool_->head() > disk_cap_)
        done = fail("the spool is full: a sink does not get on");
    else
        done = spool_->append(some);
    if (done) last_seq_ = some.back().seq;
    tidy();
    lock.lock();
    state_.why = done ? std::string() : done.error().message;
    if (!done || queue_.size() == count) emptied_.notify_all();
    if (!done) return false;
    for (std::size_t i = 0; i < count; ++i) {
        bytes_ -= queue_.front().line->size();
        queue_.pop_front();
    }
    dirty_ = true;
    return true;
}

void Spooler::run() {
    std::unique_lock lock(mutex_);
    auto synced = std::chrono::steady_clock::now();
    while (true) {
        const auto ready = [this] { return stop_ || !queue_.empty(); };
        if (dirty_)
            wake_.wait_until(lock, synced + kSyncAfter, ready);
        else
            wake_.wait(lock, ready);
        const bool stopping = stop_;
        const bool took = queue_.empty() || append_some(lock);
        const auto now = std::chrono::steady_clock::now();
        if (dirty_ && (now - synced >= kSyncAfter || stopping)) {
            dirty_ = false;
            lock.unlock();
            static_cast<void>(spool_->sync());  // a disk that fails says so at the next append
            tidy();
            lock.lock();
            synced = std::chrono::steady_clock::now();
        }
        if (stopping && (queue_.empty() || !took)) return;
        if (!took) wake_.wait_for(lock, kTryAgain, [this] { return stop_; });
    }
}

}  // namespace portlid::sink
