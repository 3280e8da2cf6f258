// SPDX-License-Identifier: Apache-2.0
// The map of TCP flows that were open when a zone began to enforce (row 12, `grandfathered`).
#pragma once

#include <set>

#include "abi/maps.h"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/map_access.hpp"

namespace portlid::kernel {

using FlowSet = std::set<flow_key, LessBytes>;

struct ExistingCount {
    std::uint64_t kept = 0;      // in the map now
    std::uint64_t overflow = 0;  // found no room there
};

// Adds `open`, seen at `seen`; flows that the map knows keep the earlier instant. `complete`: the
// list is all there is, so what is not in it is forgotten. What finds the map full is counted, not
// an error.
[[nodiscard]] Result<ExistingCount> write_existing_flows(int flows_fd, int sizes_fd,
                                                         std::size_t room, const FlowSet& open,
                                                         BootTime seen, bool complete);

}  // namespace portlid::kernel
