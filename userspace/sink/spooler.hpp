// SPDX-License-Identifier: Apache-2.0
// Takes events from the main thread without ever waiting, and puts them into the spool on a thread
// of its own. Behind a slow or full disk they wait in memory, up to a cap; beyond it the newest is
// given up and counted. The last quarter of the room is not for packet verdicts: a scan cannot push
// out a bind.
//
// The count is exact across kill -9: every numbered event is a record of the spool or was lost in
// front of it, so that a start finds what a dead process had in its memory.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "sink/cursor.hpp"
#include "sink/sink.hpp"
#include "sink/spool.hpp"

namespace portlid::sink {

inline constexpr std::size_t kSpoolQueueBytes = 4U << 20U;

class Spooler {
public:
    struct State {
        std::string why;          // the disk does not take it: the last fault
        std::uint64_t lag = 0;    // events in memory
        std::uint64_t lost = 0;   // given up since start
        std::uint64_t bytes = 0;  // on disk
    };

    // `last_seq`: of the last event before this start. `losses`: where the count stands across
    // starts; without it the count is this run's.
    Spooler(std::unique_ptr<Spool> spool, std::uint64_t disk_cap_bytes, std::uint64_t last_seq = 0,
            std::size_t queue_bytes = kSpoolQueueBytes, std::optional<Cursor> losses = {});
    ~Spooler();  // what waits goes to the disk, if it takes it
    Spooler(const Spooler&) = delete;
    Spooler& operator=(const Spooler&) = delete;

    void push(const Record& record);
    [[nodiscard]] State state() const;
    [[nodiscard]] std::optional<SinkGap> take_gap();
    // Waits until nothing waits in memory, or the disk refuses, or the time is up.
    void flush(std::chrono::milliseconds limit);
    [[nodiscard]] const Spool& spool() const { return *spool_; }
    [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }

    // Readers: called with the tail when it has moved, from the spool's thread; and asked where the
    // reader is, so that what nobody needs any more can go.
    struct Reader {
        std::function<void()> wake;
        std::function<std::uint64_t()> position;
    };
    [[nodiscard]] int attach(Reader reader);
    // One that leaves keeps its place: what it has not read waits for its next start.
    void detach(int id);

private:
    void run();
    bool append_some(std::unique_lock<std::mutex>& lock);
    void tidy();
    [[nodiscard]] bool fits(const Record& record) const;

    std::unique_ptr<Spool> spool_;
    const std::uint64_t disk_cap_;
    const std::size_t limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable emptied_;
    std::deque<Record> queue_;
    std::size_t bytes_ = 0;
    State state_;
    std::optional<Cursor> kept_losses_;
    CursorPage own_losses_{};
    CursorPage* losses_;  // of these two
    bool stop_ = false;
    bool dirty_ = false;
    std::atomic<std::uint64_t> last_seq_{0};
    std::mutex readers_mutex_;
    std::map<int, Reader> readers_;
    std::uint64_t left_at_ = ~0ULL;  // the furthest back of those that left
    int next_reader_ = 0;
    std::thread thread_;
};

// Opens the file of losses and adds what was numbered and never came into the spool.
[[nodiscard]] Result<Cursor> open_losses(const std::string& path, Spool& spool,
                                         std::uint64_t last_seq, PageKeeper& keeper);

}  // namespace portlid::sink
