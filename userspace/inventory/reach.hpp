// SPDX-License-Identifier: Apache-2.0
// Policy x UFW x zones -> from where a port can be reached, and what to call that.
#pragma once

#include <vector>

#include "inventory/exposure.hpp"

namespace portlid::inventory {

// How a packet gets to the port.
enum class Path : std::uint8_t {
    Nowhere,  // loopback, another namespace, nothing behind it
    Input,    // through INPUT: UFW has its say
    Dnat,     // round INPUT: UFW has none
};

struct ReachAndVerdict {
    std::vector<ZoneReach> reach;
    ExposureVerdict verdict = ExposureVerdict::Ok;
};

// For one own address (any() = all of a family) and port. Without a policy nothing is allowed and
// nothing is dropped.
[[nodiscard]] ReachAndVerdict judge_reach(const JoinInput& input, std::uint8_t protocol,
                                          const IpAddress& address, HostPort port, Path path,
                                          UfwAnswer ufw);

}  // namespace portlid::inventory
