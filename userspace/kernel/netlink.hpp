// SPDX-License-Identifier: Apache-2.0
// Interfaces, addresses and routes of the calling thread's network namespace, by rtnetlink
// (libmnl), and a notice when any of them changes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

struct Interface {
    std::uint32_t ifindex = 0;
    std::string name;
    std::string kind;  // IFLA_INFO_KIND, "" for hardware
    std::array<std::uint8_t, 6> mac{};
    std::uint16_t type = 0;    // ARPHRD_*
    std::uint32_t master = 0;  // ifindex of the bridge or bond it is a port of; 0 = none
    std::uint32_t lower = 0;   // ifindex of the link it is made on (VLAN, macvlan); 0 = none here
    bool up = false;
    bool loopback = false;
    bool hardware = false;
    bool ethernet = false;
    bool master_is_bridge = false;
    bool engine_bridge = false;        // a container engine's bridge, by kind and name
    bool default_route = false;        // carries one now, any table, v4 or v6
    std::vector<IpAddress> gateways;   // of its default routes
    std::vector<IpAddress> addresses;  // its own, in the kernel's order: the primary one first
};

struct NetworkState {
    std::map<std::uint32_t, Interface> interfaces;  // by ifindex
    std::set<IpAddress> own;                        // every local address
    std::map<Cidr, std::uint32_t> networks;         // NETWORK_CONNECTED/CONTAINER/BROADCAST
};

[[nodiscard]] Result<NetworkState> read_network_state();

// A socket that becomes readable when links, addresses or routes changed. drain() empties it; an
// overrun counts as a change.
class NetworkMonitor {
public:
    [[nodiscard]] static Result<NetworkMonitor> open();
    // The same for IPsec's security associations. Loads the kernel's module for them.
    [[nodiscard]] static Result<NetworkMonitor> open_ipsec();
    [[nodiscard]] int fd() const { return socket_.get(); }
    bool drain();  // true when something changed

private:
    explicit NetworkMonitor(UniqueFd socket) : socket_(std::move(socket)) {}
    [[nodiscard]] static Result<NetworkMonitor> open(int protocol, std::uint32_t groups);
    UniqueFd socket_;
};

}  // namespace portlid::kernel
