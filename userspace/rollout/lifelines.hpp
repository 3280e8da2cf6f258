// SPDX-License-Identifier: Apache-2.0
// What a host lives on besides its operator's session: answers of its gateway, of its name servers
// and of the DHCP server. The pipeline lets them in by itself where replies can be told; the guard
// asks it all the same, packet by packet, before something begins to enforce. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "abi/maps.h"
#include "base/address.hpp"

namespace portlid::rollout {

struct Lifeline {
    std::string what;                  // "DNS answers of 192.0.2.53 to 192.0.2.10"
    std::string rule;                  // the YAML that would save it
    unsigned zone = 0;                 // that the packet comes in through
    std::vector<std::uint8_t> packet;  // from the IP header on
    std::vector<flow_key> flows;       // of ours that it answers
};

// An interface with a default route.
struct Uplink {
    unsigned zone = 0;
    std::string zone_name;
    std::vector<IpAddress> own;
    std::vector<IpAddress> gateways;
    bool replies_told = true;  // its flow table's half is in place
};

[[nodiscard]] std::vector<Lifeline> lifelines(const std::vector<Uplink>& uplinks,
                                              const std::vector<IpAddress>& name_servers);

// The `nameserver` lines of a resolv.conf, without those that are this very host.
[[nodiscard]] std::vector<IpAddress> name_servers_in(const std::string& resolv_conf);

}  // namespace portlid::rollout
