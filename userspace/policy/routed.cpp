// SPDX-License-Identifier: Apache-2.0
#include "policy/routed.hpp"

#include "abi/maps.h"

namespace portlid::policy {

namespace {

bool covers(const Cidr& wide, const Cidr& narrow) {
    return wide.bits <= narrow.bits && wide.contains(narrow.address);
}

// What counts for the whole of `prefix`, but for longer prefixes inside it.
std::uint32_t kind_around(const std::map<Cidr, std::uint32_t>& networks, const Cidr& prefix) {
    std::uint32_t kind = 0;
    int longest = -1;
    for (const auto& [network, its_kind] : networks) {
        if (!covers(network, prefix) || network.bits <= longest) continue;
        longest = network.bits;
        kind = its_kind;
    }
    return kind;
}

}  // namespace

void open_routed(std::map<Cidr, std::uint32_t>& networks, const std::vector<Cidr>& routed) {
    for (const auto& prefix : routed) {
        if (kind_around(networks, prefix) == NETWORK_CONTAINER) networks[prefix] = NETWORK_ROUTED;
        for (auto& [network, kind] : networks)
            if (kind == NETWORK_CONTAINER && covers(prefix, network)) kind = NETWORK_ROUTED;
    }
}

}  // namespace portlid::policy
