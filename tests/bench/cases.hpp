// SPDX-License-Identifier: Apache-2.0
// Which packets are measured: one function a group, each returning cases for one subject.
#pragma once

#include "bench/runner.hpp"

namespace portlid::bench {

// The empty program and xdp-filter; `filters` are objects of load_xdp_filter by name.
[[nodiscard]] std::vector<Case> yardstick_cases(const Runner& runner);
[[nodiscard]] Case xdp_filter_case(const std::string& id, const std::string& sentence,
                                   const Object& filter, const std::string& program, bool ipv6);
// What depends on the number of prefixes: closed port, restricted port, listed source.
[[nodiscard]] std::vector<Case> size_cases(Portlid& portlid, const std::string& size,
                                           std::uint32_t prefixes);
// The deny set: a listed source, and an open port with any source.
[[nodiscard]] std::vector<Case> deny_cases(Portlid& portlid, const std::string& size,
                                           std::uint32_t prefixes);
// Every reason once, under one policy.
[[nodiscard]] std::vector<Case> reason_cases(Portlid& portlid);
// A limited service met by one source and by ever new ones; a banned source.
[[nodiscard]] std::vector<Case> state_cases(Portlid& portlid);
inline constexpr const char* kBannedPrefix = "198.51.100.0/24";
// Replies to `flows` open flows, and packets that would be replies but are none.
[[nodiscard]] std::vector<Case> flow_cases(Portlid& portlid, const std::string& size,
                                           std::uint32_t flows, Family family);

}  // namespace portlid::bench
