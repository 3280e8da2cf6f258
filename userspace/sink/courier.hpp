// SPDX-License-Identifier: Apache-2.0
// One sink behind the spool: a thread that reads on from its cursor, filters, encodes, sends, and
// moves the cursor when the records are safe. At least once, in order; a fault waits longer each
// time (0.5 s to 60 s, with jitter) until something is safe again: that a peer takes a connection,
// or bytes that it never acknowledges, ends no fault. What is over the sink's caps is given up
// oldest first, and counted.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "sink/cursor.hpp"
#include "sink/dead_letters.hpp"
#include "sink/filter.hpp"
#include "sink/sink.hpp"
#include "sink/spooler.hpp"
#include "sink/transport.hpp"

namespace portlid::sink {

class Courier final : public Sink {
public:
    // `spooler` outlives it. The cursor and the dead letters stand in the spool's directory.
    [[nodiscard]] static Result<std::unique_ptr<Courier>> start(const SinkSpec& spec,
                                                                Spooler& spooler,
                                                                PageKeeper& keeper);
    ~Courier() override;
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    void write(const Record&) override {}  // the spool has it already
    void pump() override {}
    void reopen() override;
    [[nodiscard]] SinkState state() const override;
    [[nodiscard]] std::optional<SinkGap> take_gap() override;

private:
    using Clock = std::chrono::steady_clock;
    // How far: a place in the spool and the numbers that belong to it.
    struct Place {
        std::uint64_t position = 0;
        std::uint64_t last_seq = 0;
        std::uint64_t ordinal = 0;
        std::uint64_t sink_seq = 0;
        std::uint64_t lost = 0;  // on the way here, since the start
    };
    struct Flight {  // sent, and not safe yet
        Place behind;
        Clock::time_point when;
        std::size_t records = 0;
    };
    struct Batch {
        std::vector<Outgoing> records;
        std::vector<Place> behind;  // of each record
        Place end;                  // behind what the filter left out after the last one
    };

    Courier(const SinkSpec& spec, Spooler& spooler, Cursor cursor);
    void run();
    void round();
    void trim();
    [[nodiscard]] bool over_caps(std::uint64_t position, std::int64_t wall_ns) const;
    // Steps over a record; whether it is for this sink.
    [[nodiscard]] bool pass_over(const SpooledRecord& record, Place& place) const;
    [[nodiscard]] Batch read_batch();
    void deliver(const Batch& batch);
    void bury(const Batch& batch, const Sent& sent);
    void settle();
    void safe(std::size_t records);
    void rewind();
    [[nodiscard]] bool well() const;
    void commit(const Place& place);
    void fault(const Error& error, std::chrono::milliseconds wait);
    void wait();
    void note(const std::string& why);
    void recover();

    const SinkSpec spec_;
    const Filter filter_;
    Spooler& spooler_;
    Cursor cursor_;
    SpoolReader reader_;
    DeadLetters letters_;
    Stop stop_{false};
    std::unique_ptr<Transport> transport_;
    Place sent_;                 // everything in front of it is sent
    std::uint64_t counted_ = 0;  // of what was lost on the way, what stands in the cursor
    std::deque<Flight> flights_;
    Clock::time_point not_before_{};
    Clock::time_point look_again_{};
    int faults_ = 0;
    std::minstd_rand random_{std::random_device{}()};

    mutable std::mutex mutex_;  // what follows, and the cursor's counts
    std::condition_variable wake_;
    bool grown_ = true;
    bool reload_ = false;
    std::string why_;       // the last fault, until something is safe again
    bool pausing_ = false;  // it is not tried now
    SinkState counts_;
    std::atomic<std::uint64_t> reached_{0};  // committed position, for the spool
    std::atomic<std::uint64_t> reached_seq_{0};
    Clock::time_point told_at_{};
    int reader_id_ = -1;
    std::thread thread_;
};

// Letters, digits and a check sum: names files of a sink, whatever it is called.
[[nodiscard]] std::string file_stem(const SinkSpec& spec);

}  // namespace portlid::sink
