// SPDX-License-Identifier: Apache-2.0
// The durable spool: append-only segments in one directory, read by any number of cursors.
//
// A segment is named by the position of its first byte in the endless stream of records, so a
// position says which file and where; no place is written twice. Record: magic, length, CRC-32 of
// all that follows, kind, severity, seq, ordinal, wall time, then the native line. A record that is
// torn (power loss) or damaged ends its segment: reading goes on with the next one, and the
// ordinals tell how many are missing.
//
// One thread appends, others read; every function may be called from any thread.
// Durability: appended records are in the kernel at once (they survive kill -9); fdatasync follows
// within a second, and before a segment is closed. A power loss costs at most that second.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sink/record.hpp"

namespace portlid::sink {

struct SpooledRecord {
    std::uint64_t position = 0;
    std::uint64_t next = 0;  // the position behind it
    std::uint64_t seq = 0;
    std::uint64_t ordinal = 0;  // the how-manieth record of this spool, from 1, without holes
    std::int64_t wall_ns = 0;
    event::Kind kind = event::Kind::SensorHeartbeat;
    event::Severity severity = event::Severity::Info;
    std::string line;
};

class Spool {
public:
    // Makes the directory (0700). Behind a torn end a new segment begins. `segment_bytes`: when the
    // next one begins.
    [[nodiscard]] static Result<std::unique_ptr<Spool>> open(const std::filesystem::path& directory,
                                                             std::uint64_t segment_bytes);

    // All or nothing: on a full disk what was written of them is taken back.
    [[nodiscard]] Result<> append(std::span<const Record> records);
    [[nodiscard]] Result<> sync();

    [[nodiscard]] std::uint64_t head() const;  // position of the oldest record
    [[nodiscard]] std::uint64_t tail() const { return tail_.load(std::memory_order_acquire); }
    // Of the last record that can be read; 0 when there is none.
    [[nodiscard]] std::uint64_t ordinal() const { return ordinal_; }
    // What was appended once and is gone (forgotten, or not readable any more) keeps its ordinals:
    // the count goes on behind them. Before the first append.
    void count_on_from(std::uint64_t ordinal) { ordinal_ = std::max(ordinal_.load(), ordinal); }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    // Forgets whole segments in front of `position`.
    void forget(std::uint64_t position);
    // Where the segment that holds `position` begins.
    [[nodiscard]] std::uint64_t segment_of(std::uint64_t position) const;

private:
    friend class SpoolReader;
    Spool(std::filesystem::path directory, std::uint64_t segment_bytes)
        : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}
    [[nodiscard]] Result<> begin_segment(std::uint64_t position);
    [[nodiscard]] std::filesystem::path path_of(std::uint64_t begin) const;
    // The segment that holds `position`, or the first behind it; [begin, end).
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> extent(std::uint64_t position) const;
    [[nodiscard]] Result<> recover();
    [[nodiscard]] Result<> list();
    void find_end();

    std::filesystem::path directory_;
    std::uint64_t segment_bytes_;
    mutable std::mutex mutex_;                         // of segments_
    std::map<std::uint64_t, std::uint64_t> segments_;  // begin -> end
    UniqueFd fd_;                                      // of the last one; the appender's
    std::uint64_t begin_ = 0;
    std::atomic<std::uint64_t> tail_{0};
    std::atomic<std::uint64_t> ordinal_{0};
};

// Reads on from a position; keeps the segment it reads open, so that forgetting it does no harm,
// until there is no more to read.
class SpoolReader {
public:
    explicit SpoolReader(const Spool& spool) : spool_(spool) {}
    // The next record at or behind `position`, or none when there is no more (yet). What could not
    // be read on the way is skipped; the caller sees it by the ordinals.
    [[nodiscard]] bool next(std::uint64_t position, SpooledRecord& into, bool with_line = true);

private:
    [[nodiscard]] bool open_at(std::uint64_t begin);
    const Spool& spool_;
    UniqueFd fd_;
    std::uint64_t begin_ = ~0ULL;
    std::string buffer_;  // of the segment, from buffer_at_
    std::uint64_t buffer_at_ = 0;
    [[nodiscard]] std::string_view bytes(std::uint64_t at, std::size_t count);
};

}  // namespace portlid::sink
