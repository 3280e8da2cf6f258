// SPDX-License-Identifier: Apache-2.0
// Owners as the datapath knows them: a number by what the policy asks for, and who holds which port
// as it is known now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "policy/model.hpp"

namespace portlid::policy {

// The same owner has the same number in every generation; never 0.
[[nodiscard]] std::uint64_t owner_key(const Owner& owner);
// "container: web-*, user: root"
[[nodiscard]] std::string owner_text(const Owner& owner);

// Somebody sits on a port of this host. Several with one place: several proven owners of it.
struct HeldPort {
    IpAddress address;  // any() = every address of the family; `::` of both unless v6only
    HostPort port;
    std::uint8_t protocol = 6;  // IPPROTO_TCP or IPPROTO_UDP
    bool v6only = false;        // of `::` only
    std::uint64_t owner = 0;    // owner_key(); 0 = not proven to be anybody's
    auto operator<=>(const HeldPort&) const = default;
};
using HeldPorts = std::vector<HeldPort>;

// What the kernel would find (lib/owner.h): the sockets that a packet to this address goes to are
// all proven to be the owner's. simulate.cpp.
[[nodiscard]] bool owner_holds(const HeldPorts& held, std::uint64_t owner, std::uint8_t protocol,
                               const IpAddress& address, HostPort port);

}  // namespace portlid::policy
