// SPDX-License-Identifier: Apache-2.0
#include "sink/spooler.hpp"

#include <algorithm>

namespace portlid::sink {

namespace {
// In one write; what a segment may be longer than it should.
constexpr std::size_t kChunk = 512;
constexpr std::size_t kChunkBytes = 64U << 10U;
constexpr std::chrono::seconds kSyncAfter{1};
constexpr std::chrono::seconds kTryAgain{1};
}  // namespace

Spooler::Spooler(std::unique_ptr<Spool> spool, std::uint64_t disk_cap_bytes, std::uint64_t last_seq,
                 std::size_t queue_bytes, std::optional<Cursor> losses)
    : spool_(std::move(spool)),
      disk_cap_(disk_cap_bytes),
      limit_(queue_bytes),
      kept_losses_(std::move(losses)),
      losses_(kept_losses_ ? kept_losses_->operator->() : &own_losses_),
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
            note_loss(*losses_, 1);
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
    if (losses_->lost == losses_->told || bytes_ > limit_ / 2) return std::nullopt;
    return tell_loss(*losses_, "spool", "queue");
}

// What was numbered since the spool began and is no record of it was lost on the way. `last_seq` of
// the page: of the last event in front of the spool's first. Where the sequence began anew, so does
// that.
Result<Cursor> open_losses(const std::string& path, Spool& spool, std::uint64_t last_seq,
                           PageKeeper& keeper) {
    const auto begun = last_seq > spool.ordinal() ? last_seq - spool.ordinal() : 0;
    auto losses = Cursor::open(path, {.last_seq = begun}, keeper);
    if (!losses) return losses;
    CursorPage& page = *losses->operator->();
    spool.count_on_from(page.ordinal);
    const auto all = page.last_seq + spool.ordinal() + page.lost;
    if (last_seq > all) note_loss(page, last_seq - all);
    if (last_seq < all) page.last_seq = last_seq - spool.ordinal() - page.lost;
    return losses;
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
    const auto found = readers_.find(id);
    if (found == readers_.end()) return;
    left_at_ = std::min(left_at_, found->second.position());
    readers_.erase(found);
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
        oldest = std::min(oldest, left_at_);
    }
    spool_->forget(oldest);
}

// The queue is unlocked while the disk works. False: the disk did not take it.
bool Spooler::append_some(std::unique_lock<std::mutex>& lock) {
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < std::min(queue_.size(), kChunk) && bytes < kChunkBytes;)
        bytes += queue_[count++].line->size();
    const std::vector<Record> some(queue_.begin(),
                                   queue_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    Result<> done;
    if (spool_->tail() - spool_->head() > disk_cap_)
        done = fail("the spool is full: a sink does not get on");
    else
        done = spool_->append(some);
    if (done) last_seq_ = some.back().seq;
    losses_->ordinal = spool_->ordinal();
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
