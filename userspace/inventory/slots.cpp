// SPDX-License-Identifier: Apache-2.0
#include "inventory/slots.hpp"

#include <algorithm>
#include <limits>

namespace portlid::inventory {

namespace {

// Sockets of an IPv6 family bound to every address take IPv4 too unless told not to.
bool takes_ipv4_too(const event::SocketFacts& socket) {
    return socket.family == Family::IPv6 && socket.address == IpAddress::any(Family::IPv6) &&
           !socket.v6only;
}

std::uint32_t pid_rank(const Listener* listener) {
    const bool known = listener->holder && listener->holder->process.pid != 0;
    return known ? listener->holder->process.pid : std::numeric_limits<std::uint32_t>::max();
}

}  // namespace

Slots slots_of(const std::vector<Listener>& listeners) {
    Slots slots;
    Slots derived;
    for (const auto& listener : listeners) {
        const auto& socket = listener.socket;
        const auto protocol = exposed_protocol(socket.protocol);
        if (protocol == 0 || socket.port.value == 0) continue;
        slots[{socket.port, protocol, socket.address, socket.netns}].push_back(&listener);
        if (!takes_ipv4_too(socket)) continue;
        const auto any_v4 = IpAddress::any(Family::IPv4);
        derived[{socket.port, protocol, any_v4, socket.netns}].push_back(&listener);
    }
    slots.merge(derived);  // keeps the IPv4 sockets that are there
    return slots;
}

const Listener& representative(const std::vector<const Listener*>& group) {
    return **std::min_element(group.begin(), group.end(), [](const auto* a, const auto* b) {
        return pid_rank(a) < pid_rank(b);
    });
}

}  // namespace portlid::inventory
