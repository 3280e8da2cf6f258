// SPDX-License-Identifier: Apache-2.0
// One event line (contract §4) for people, and which events somebody asked for. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/json_access.hpp"
#include "cli/table.hpp"

namespace portlid::cli {

inline constexpr std::array<std::string_view, 5> kSeverities = {"info", "low", "medium", "high",
                                                                "critical"};
[[nodiscard]] int rank_of(std::string_view severity);  // 0 for "" and what is none of them

// What `portlid events` was asked for; empty means everything.
struct EventFilter {
    std::vector<std::string> kinds;  // words or globs: "net.*"
    std::vector<std::string> verdicts;
    std::vector<std::string> containers;  // name, glob, compose service, or the start of an id
    std::optional<WallTime> since;
    std::string severity;  // this and above
};
[[nodiscard]] bool matches(const EventFilter& filter, const Json& event);

// "10:15:02.123 high  net.verdict  would_drop 203.0.113.7:51322 -> ..." without the newline; never
// more than one line, whatever the event holds.
[[nodiscard]] std::string event_line(const Json& event, bool color);

// Columns of `-o csv`.
[[nodiscard]] Table event_table();
[[nodiscard]] std::vector<Cell> event_row(const Json& event);

// The event's time; nothing when it is no RFC 3339 time in UTC.
[[nodiscard]] std::optional<WallTime> event_time(const Json& event);

}  // namespace portlid::cli
