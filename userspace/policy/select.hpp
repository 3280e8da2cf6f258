// SPDX-License-Identifier: Apache-2.0
// Which zone an interface belongs to (contract §3: exact name beats glob beats `uplink`;
// catch_all). Pure: facts in, choice out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace portlid::policy {

// What the kernel says of one interface.
struct InterfaceFacts {
    std::string name;
    std::string kind;  // rtnl link kind: "veth", "bridge", "tun", "vlan", ""
    bool loopback = false;
    bool hardware = false;       // backed by a device (/sys/class/net/X/device)
    bool ethernet = true;        // ARPHRD_ETHER
    bool bridge_port = false;    // enslaved to a bridge
    bool engine_bridge = false;  // docker0, br-<id>, podman*, cni*
    bool uplink = false;         // carries, or ever carried, a default route
};

struct ZoneChoice {
    unsigned zone = 0;           // index in Policy::zones
    bool force_monitor = false;  // catch_all: joined unnamed, "uncovered"
    std::string why;             // "named in zone public", "glob wg*", "uplink", "catch_all"
};

// `any_uplink_known`: some interface is or was an uplink; until then every hardware Ethernet
// interface counts as one.
[[nodiscard]] std::optional<ZoneChoice> choose_zone(const Policy& policy,
                                                    const InterfaceFacts& facts,
                                                    bool any_uplink_known);

}  // namespace portlid::policy
