// SPDX-License-Identifier: Apache-2.0
#include "history/history.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace portlid::history {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGather{250};  // so that a busy second is a few transactions
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{15'000};
constexpr milliseconds kHouse{60'000};
constexpr milliseconds kLastWords{5'000};
constexpr std::size_t kFlowBytes = 512;           // about what one takes in memory
constexpr std::size_t kBatchBytes = 256U << 10U;  // of one transaction: fits the smallest file
constexpr std::uint64_t kNear = 1U << 20U;        // to its limit: it may be what was met
constexpr int kNiceness = 5;
constexpr const char* kBegun = "an empty history is begun; look at the old one with sqlite3";

std::size_t bytes_of(const std::vector<std::pair<std::uint64_t, std::string>>& lines) {
    std::size_t bytes = 0;
    for (const auto& [seq, line] : lines) bytes += line.size() + sizeof(line);
    return bytes;
}

}  // namespace

History::History(Options options) : options_(std::move(options)), thread_([this] { work(); }) {}

History::~History() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

bool History::room_for(std::size_t bytes, std::size_t records) {
    if (queue_bytes_ + bytes <= kQueueBytes) {
        queue_bytes_ += bytes;
        added_ += records;
        return true;
    }
    state_.lost += records;
    return false;
}

void History::add_events(std::vector<std::pair<std::uint64_t, std::string>> lines) {
    if (lines.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        if (!room_for(bytes_of(lines), lines.size())) return;
        std::move(lines.begin(), lines.end(), std::back_inserter(queue_.events));
    }
    changed_.notify_all();
}

void History::add_flows(std::vector<Flow> flows) {
    if (flows.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        if (!room_for(flows.size() * kFlowBytes, flows.size())) return;
        std::move(flows.begin(), flows.end(), std::back_inserter(queue_.flows));
    }
    changed_.notify_all();
}

void History::add_monitored(std::vector<std::string> rules) {
    {
        const std::lock_guard lock(mutex_);
        queue_.monitored = std::move(rules);
    }
    changed_.notify_all();
}

void History::count_lost(std::uint64_t records) {
    const std::lock_guard lock(mutex_);
    state_.lost += records;
}

State History::state() const {
    const std::lock_guard lock(mutex_);
    auto state = state_;
    state.queued = added_ - written_;
    return state;
}

std::vector<Trouble> History::take_troubles() {
    const std::lock_guard lock(mutex_);
    return std::exchange(troubles_, {});
}

bool History::wait_written(milliseconds patience) const {
    std::unique_lock lock(mutex_);
    const auto wanted = added_;
    hurry_ = true;
    changed_.notify_all();
    return changed_.wait_for(lock, patience, [&] { return written_ >= wanted; });
}

void History::work() {
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    std::optional<Clock::time_point> last_words;
    open_store();
    while (true) {
        std::unique_lock lock(mutex_);
        const bool stuck = !batch_.empty();
        const Clock::duration wait = stuck || !store_ ? pause_ : next_house_ - Clock::now();
        changed_.wait_for(lock, wait,
                          [&] { return stop_ || (!stuck && store_ && !queue_.empty()); });
        if (!stop_ && !stuck && !hurry_ && queue_bytes_ < kBatchBytes)
            changed_.wait_for(lock, kGather, [this] { return stop_ || hurry_; });
        if (stop_ && !last_words) last_words = Clock::now() + kLastWords;
        if (stop_ && queue_.empty() && batch_.empty()) return;
        if (last_words && Clock::now() > *last_words) return;
        // A disk that was down at the end gets a few quick tries, not one long pause.
        if (stop_) pause_ = std::min(pause_, kFirstPause);
        const bool rest = stop_ && (stuck || !store_);
        if (batch_.empty()) take_batch();
        lock.unlock();
        if (rest) std::this_thread::sleep_for(pause_);
        write_some();
        if (store_ && batch_.empty() && Clock::now() >= next_house_) keep_house();
    }
}

// The oldest of the queue, as much as goes into one transaction and at least one record.
void History::take_batch() {
    const auto take = [this](auto& from, auto& into, auto size) {
        std::size_t count = 0;
        for (; count < from.size(); ++count) {
            const auto bytes = size(from[count]);
            if (batch_bytes_ != 0 && batch_bytes_ + bytes > kBatchBytes) break;
            batch_bytes_ += bytes;
        }
        const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
        into.assign(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
        from.erase(from.begin(), end);
        if (from.empty()) from.shrink_to_fit();
    };
    batch_bytes_ = 0;
    take(queue_.events, batch_.events,
         [](const auto& line) { return line.second.size() + sizeof(line.second); });
    take(queue_.flows, batch_.flows, [](const auto&) { return kFlowBytes; });
    batch_.monitored = std::exchange(queue_.monitored, {});
}

void History::write_some() {
    if (!store_) open_store();
    if (!store_ || batch_.empty()) return;
    batch_.now = wall_now();
    if (auto done = write(batch_); !done) return went_down(done.error());
    came_up();
    if (!batch_.monitored.empty()) look();
    const auto records = batch_.records();
    batch_ = {};
    {
        const std::lock_guard lock(mutex_);
        written_ += records;
        queue_bytes_ -= std::min(queue_bytes_, batch_bytes_);
        hurry_ = hurry_ && !queue_.empty();
        batch_bytes_ = 0;
    }
    changed_.notify_all();
}

// A file at its limit makes room and takes it then; a disk that is full takes nothing.
Result<> History::write(const Batch& batch) {
    auto done = store_->write(batch);
    const bool own_limit = !done && store_->full() && store_->bytes() + kNear > options_.bytes;
    for (int tries = 0; !done && own_limit && store_->full() && tries < 3; ++tries) {
        if (const auto shed = store_->shed(); !shed || *shed == 0) break;
        done = store_->write(batch);
    }
    return done;
}

void History::open_store() {
    std::string moved;
    auto store = Store::open(options_, moved);
    if (!moved.empty()) {
        const std::lock_guard lock(mutex_);
        troubles_.push_back({moved, kBegun});
    }
    if (!store) return went_down(store.error());
    store_.emplace(std::move(*store));
    newest_at_open_ = store_->newest();
    opened_at_ = Clock::now();
    next_house_ = opened_at_;
    pause_ = kFirstPause;
    keep_house();
}

void History::went_down(const Error& error) {
    std::string moved;
    if (store_ && store_->damaged()) {
        store_.reset();
        moved = Store::move_away(options_.file, error.message);
    }
    pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
    const std::lock_guard lock(mutex_);
    state_.up = false;
    state_.why = error.message;
    hurry_ = false;
    if (!moved.empty()) troubles_.push_back({moved, kBegun});
    if (std::exchange(down_told_, true)) return;
    troubles_.push_back(
        {error.message,
         "events still go to the sinks; the history goes on when the disk does, and "
         "what does not fit into 2 MiB until then is lost to it"});
}

void History::came_up() {
    pause_ = kFirstPause;
    const std::lock_guard lock(mutex_);
    state_.up = true;
    state_.why.clear();
    const auto missing = state_.lost - lost_told_;
    lost_told_ = state_.lost;
    const bool was_down = std::exchange(down_told_, false);
    if (missing != 0)
        troubles_.push_back({fmt::format("{} records found the history's queue full and are "
                                         "missing in it",
                                         missing),
                             "portlid status shows the total; the sinks have the events"});
    else if (was_down)
        troubles_.push_back({"the history is written again; nothing is missing in it", ""});
}

// Age counts from what was last written before, plus the time since: a clock that jumps ahead does
// not empty the history, and one that falls back only keeps it longer.
void History::keep_house() {
    next_house_ = Clock::now() + kHouse;
    auto reference = wall_now();
    if (newest_at_open_) {
        const auto lived =
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened_at_);
        reference = std::min(reference, *newest_at_open_ + lived + std::chrono::hours(1));
    }
    if (auto pruned = store_->prune(reference); !pruned) return went_down(pruned.error());
    if (batch_.empty()) came_up();
    look();
}

void History::look() {
    const auto bytes = store_->bytes();
    const auto oldest = store_->oldest();
    auto rules = store_->rules();
    const std::lock_guard lock(mutex_);
    state_.bytes = bytes;
    state_.oldest = oldest;
    state_.rules = std::move(rules);
}

}  // namespace portlid::history
