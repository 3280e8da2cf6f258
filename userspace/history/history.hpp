// SPDX-License-Identifier: Apache-2.0
// The ledger for a thread that must never wait for a disk: what is handed in goes into a bounded
// queue, and a thread of this object's own writes it in batches. What finds the queue full is
// counted. A file that cannot be written is tried again and again; nothing here ends the sensor.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "history/store.hpp"

namespace portlid::history {

// Something that an operator must hear, once.
struct Trouble {
    std::string why;
    std::string advice;
};

struct State {
    bool up = false;
    std::string why;                 // when down
    std::uint64_t lost = 0;          // records given up since start: the queue was full
    std::uint64_t queued = 0;        // records not yet on disk
    std::uint64_t bytes = 0;         // of the file, when it was last looked at
    std::optional<WallTime> oldest;  // likewise
    std::vector<RuleDays> rules;     // likewise
};

class History {
public:
    static constexpr std::size_t kQueueBytes = 2U << 20U;

    // Begins to open the file; whether that works is in state().
    explicit History(Options options);
    // Writes what is queued, for at most five seconds.
    ~History();
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    [[nodiscard]] const std::filesystem::path& file() const { return options_.file; }

    // None of these waits. `lines` are (seq, line) of contract §4, in order.
    void add_events(std::vector<std::pair<std::uint64_t, std::string>> lines);
    void add_flows(std::vector<Flow> flows);
    // Rules that only monitor at present; call it once a minute or when that changes.
    void add_monitored(std::vector<std::string> rules);
    // The caller lost some itself.
    void count_lost(std::uint64_t records);

    [[nodiscard]] State state() const;
    [[nodiscard]] std::vector<Trouble> take_troubles();

    // For readers, on their own thread: waits until all that was added before is on disk. False
    // when that does not come to pass in time.
    [[nodiscard]] bool wait_written(std::chrono::milliseconds patience) const;

private:
    using Clock = std::chrono::steady_clock;

    void work();
    void take_batch();
    void write_some();
    void open_store();
    [[nodiscard]] Result<> write(const Batch& batch);
    void keep_house();
    void went_down(const Error& error);
    void came_up();
    void look();
    [[nodiscard]] bool room_for(std::size_t bytes, std::size_t records);

    const Options options_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Batch queue_;  // under mutex_, as all to the next line
    std::size_t queue_bytes_ = 0;
    std::uint64_t added_ = 0;     // records that found room
    std::uint64_t written_ = 0;   // of them on disk
    mutable bool hurry_ = false;  // a reader waits
    bool stop_ = false;
    State state_;
    std::vector<Trouble> troubles_;

    std::optional<Store> store_;  // of the thread, as all below
    Batch batch_;
    std::size_t batch_bytes_ = 0;
    bool down_told_ = false;
    std::uint64_t lost_told_ = 0;
    std::chrono::milliseconds pause_{0};  // before the next attempt
    Clock::time_point next_house_;
    std::optional<WallTime> newest_at_open_;
    Clock::time_point opened_at_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace portlid::history
