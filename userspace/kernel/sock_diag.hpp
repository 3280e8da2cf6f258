// SPDX-License-Identifier: Apache-2.0
// Sockets that exist now, by netlink SOCK_DIAG (man 7 sock_diag), one network namespace at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::kernel {

struct DiagSocket {
    std::uint64_t cookie = 0;
    std::uint64_t inode = 0;
    std::uint32_t uid = 0;
    std::uint32_t protocol = 0;  // IPPROTO_TCP (MPTCP listeners too), IPPROTO_UDP or 136 (UDP-Lite)
    std::uint8_t state = 0;      // TCP_* of the kernel; UDP unconnected = 7 (TCP_CLOSE)
    Family family = Family::IPv4;
    IpAddress local;
    HostPort local_port;
    IpAddress remote;
    HostPort remote_port;
    bool v6only = false;
    std::uint16_t backlog = 0;
};

enum class DiagWhat : std::uint8_t {
    Listening,    // TCP in LISTEN, UDP bound and unconnected
    Established,  // TCP connected, UDP connected
};

// In the calling thread's network namespace.
[[nodiscard]] Result<std::vector<DiagSocket>> dump_sockets(DiagWhat what);

struct NamespaceSockets {
    std::uint32_t netns = 0;         // inode
    std::uint64_t netns_cookie = 0;  // SO_NETNS_COOKIE; 0 when the kernel has none
    std::vector<DiagSocket> sockets;
};

// In every network namespace of `pid_by_netns` (inode, a pid that lives in it); the caller's own
// first. A namespace that vanishes meanwhile is left out. Needs CAP_SYS_ADMIN for the others;
// without it only the own one comes back and `skipped` counts the rest.
struct Sweep {
    std::vector<NamespaceSockets> namespaces;
    unsigned skipped = 0;
};
[[nodiscard]] Result<Sweep> sweep_listeners(
    const std::vector<std::pair<std::uint32_t, std::uint32_t>>& pid_by_netns);

}  // namespace portlid::kernel
