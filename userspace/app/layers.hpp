// SPDX-License-Identifier: Apache-2.0
// One enforcement point for each packet: which of the chosen interfaces would only judge again what
// another one of them judges already (a VLAN on its parent, a port of a bond).
#pragma once

#include <cstdint>
#include <map>

#include "kernel/netlink.hpp"
#include "policy/select.hpp"

namespace portlid::app {

using Links = std::map<std::uint32_t, kernel::Interface>;
using Chosen = std::map<std::uint32_t, policy::ZoneChoice>;

// The interface of `chosen` that judges the packets of `ifindex` (one of `chosen` too); 0 = none
// but itself. Where their zones differ both judge, and the stricter answer holds.
[[nodiscard]] std::uint32_t judged_by(const Links& links, const Chosen& chosen,
                                      std::uint32_t ifindex);

// `chosen` without those that another one judges.
[[nodiscard]] Chosen judged_once(const Links& links, const Chosen& chosen);

}  // namespace portlid::app
