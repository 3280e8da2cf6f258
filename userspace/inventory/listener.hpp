// SPDX-License-Identifier: Apache-2.0
// A socket that can receive: what the inventory is made of.
#pragma once

#include <netinet/in.h>

#include <memory>
#include <string>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "event/decode.hpp"
#include "identity/process.hpp"

namespace portlid::inventory {

struct Holder {
    identity::Process process;  // pid 0 = not known
    bool known = false;         // read from procfs; false: only what the kernel's record said
    // The parent, for telling a real docker-proxy from one that calls itself so.
    std::string parent_exe;
    std::string parent_container_id;
    std::uint32_t parent_uid = 0;
    bool operator==(const Holder&) const = default;
};

// Shared: ten thousand sockets of one process name it once.
using HolderPtr = std::shared_ptr<const Holder>;

struct Listener {
    event::SocketFacts socket;
    std::uint64_t inode = 0;  // 0 until a sweep saw it
    BootTime since;
    bool preexisting = false;  // open before the sensor; `since` is then when it was first seen
    HolderPtr holder;          // who has a descriptor of it now; null = nobody known
    HolderPtr binder;          // who bound it, when that is somebody else
};

// What a client must speak to reach a socket: UDP-Lite counts as UDP (MPTCP comes as TCP already).
// 0 for everything that is no exposure (raw, SCTP, ping).
[[nodiscard]] constexpr std::uint8_t exposed_protocol(std::uint32_t protocol) {
    if (protocol == IPPROTO_TCP) return IPPROTO_TCP;
    if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) return IPPROTO_UDP;
    return 0;
}

}  // namespace portlid::inventory
