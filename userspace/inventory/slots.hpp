// SPDX-License-Identifier: Apache-2.0
// Sockets -> what a client can aim at: one slot per (protocol, family, address, port, namespace).
#pragma once

#include <compare>
#include <map>
#include <vector>

#include "inventory/listener.hpp"

namespace portlid::inventory {

struct Slot {
    HostPort port;
    std::uint8_t protocol = 6;
    IpAddress address;  // its family is the slot's: v4-mapped on an IPv6 socket is IPv4
    std::uint32_t netns = 0;
    auto operator<=>(const Slot&) const = default;  // NOLINT(modernize-use-nullptr)
};

// The sockets behind a slot: several in a SO_REUSEPORT group.
using Slots = std::map<Slot, std::vector<const Listener*>>;

// A `::` socket without IPV6_V6ONLY also fills 0.0.0.0, unless an IPv4 socket sits on that very
// address and port. Points into `listeners`.
[[nodiscard]] Slots slots_of(const std::vector<Listener>& listeners);
// The one that stands for the group: the lowest known pid, else any.
[[nodiscard]] const Listener& representative(const std::vector<const Listener*>& group);

}  // namespace portlid::inventory
