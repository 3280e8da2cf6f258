// SPDX-License-Identifier: Apache-2.0
// Pages of what the ledger holds, read through a connection of their own while the writer writes.
// Each call may wait for the disk: never on the thread of the loop.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace portlid::history {

struct Page {
    std::vector<std::string> lines;  // JSON
    std::string next;                // where the next page begins; empty: this was the last
};

struct EventQuery {
    WallTime since;
    std::string after;                  // `next` of the page before; empty: from the beginning
    std::vector<std::string> kinds;     // words or globs; empty: all
    std::vector<std::string> verdicts;  // empty: all
    int least_severity = 0;             // event::Severity
};
// Lines of contract §4, oldest first, at most 1 MiB a page.
[[nodiscard]] Result<Page> read_events(const std::filesystem::path& file, const EventQuery& query);

// Flows (flow.hpp) whose last packet came at `since` or later, sorted by source, at most 4096 a
// page. Rows are of whole hours: one that began earlier counts as a whole.
[[nodiscard]] Result<Page> read_flows(const std::filesystem::path& file, WallTime since,
                                      const std::string& after);

}  // namespace portlid::history
