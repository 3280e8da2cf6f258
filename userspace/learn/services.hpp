// SPDX-License-Identifier: Apache-2.0
// Ports that were used -> services: named, grouped, with the sources that may use them.
#pragma once

#include "learn/learn.hpp"

namespace portlid::learn {

struct UsedPort {
    std::string zone;
    policy::PortProtocol protocol = policy::PortProtocol::Tcp;
    std::uint16_t port_host = 0;
    std::set<IpAddress> sources;
    Evidence evidence;
};

// One service for the ports of one holder that the same sources use in the same zone. Names are
// unique; a limit that the policy in force has on such a port is kept.
[[nodiscard]] std::vector<LearntService> services_of(const policy::Policy& in_force,
                                                     const std::vector<UsedPort>& ports);

// Who may: the sources themselves, their networks, or nothing for everybody.
[[nodiscard]] std::vector<Cidr> from_of(const std::set<IpAddress>& sources);

}  // namespace portlid::learn
