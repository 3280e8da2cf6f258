// SPDX-License-Identifier: Apache-2.0
// The database file: what is written to it and how it stays within its age and size. One thread
// writes; readers (read.hpp) open it for themselves. Every call may wait for the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "history/database.hpp"
#include "history/flow.hpp"

namespace portlid::history {

struct Options {
    std::filesystem::path file;
    std::chrono::nanoseconds age = std::chrono::hours(24 * 30);
    std::uint64_t bytes = 512ULL << 20U;
};
inline constexpr std::uint64_t kLeastBytes = 1ULL << 20U;

struct Batch {
    std::vector<std::pair<std::uint64_t, std::string>> events;  // seq, line of contract §4
    std::vector<Flow> flows;
    // Rules that only monitor while this was written: today counts as a day under observation.
    std::vector<std::string> monitored;
    WallTime now;
    [[nodiscard]] std::size_t records() const { return events.size() + flows.size(); }
    [[nodiscard]] bool empty() const { return records() == 0 && monitored.empty(); }
};

// What the ledger says of one rule, from the days that it still keeps.
struct RuleDays {
    std::string rule;
    std::uint64_t hits = 0;         // packets that it decided about
    std::uint64_t would_drops = 0;  // of them
    unsigned days_observed = 0;     // UTC days on which the rule monitored while a sensor ran
    unsigned days_clean = 0;        // of those, the ones after the last would_drop of a use
    std::optional<WallTime> last_would_drop;
    std::optional<WallTime> last_cut;  // would_drop of a use (history::is_use) with a listener
};

class Store {
public:
    // A new file, or one of ours. One that is damaged, foreign or of a later version is moved to
    // FILE.bad (an older one there goes), and `moved` says so.
    [[nodiscard]] static Result<Store> open(const Options& options, std::string& moved);

    // All of it or, on failure, nothing.
    [[nodiscard]] Result<> write(const Batch& batch);
    // Removes what is older than `reference` - age, and the oldest while the file is too big.
    // Returns how many rows went.
    [[nodiscard]] Result<std::uint64_t> prune(WallTime reference);
    // Removes a slice of the oldest, whatever its age.
    [[nodiscard]] Result<std::uint64_t> shed();

    // Moves FILE to FILE.bad; returns `why` and what was done about it.
    [[nodiscard]] static std::string move_away(const std::filesystem::path& file,
                                               const std::string& why);
    // The last failure was that of a damaged file: close it and move it away.
    [[nodiscard]] bool damaged() const { return damaged_; }
    // The last failure was a want of room, in the file's limit or on the disk.
    [[nodiscard]] bool full() const { return full_; }

    [[nodiscard]] std::uint64_t bytes();  // in use
    [[nodiscard]] std::uint64_t last_seq();
    [[nodiscard]] std::optional<WallTime> oldest();
    [[nodiscard]] std::optional<WallTime> newest();
    [[nodiscard]] std::vector<RuleDays> rules();

private:
    Store(Database database, Options options)
        : database_(std::move(database)), options_(std::move(options)) {}
    [[nodiscard]] static Result<Store> try_open(const Options& options);
    [[nodiscard]] Result<> prepare_schema();
    [[nodiscard]] int write_events(const Batch& batch);
    [[nodiscard]] int write_flows(const Batch& batch);
    [[nodiscard]] int write_days(const Batch& batch);
    [[nodiscard]] Result<std::uint64_t> remove_before(WallTime cutoff);
    [[nodiscard]] Result<> failed(int code, const char* doing);

    Database database_;
    Options options_;
    bool damaged_ = false;
    bool full_ = false;
};

}  // namespace portlid::history
