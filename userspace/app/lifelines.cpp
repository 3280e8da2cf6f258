// SPDX-License-Identifier: Apache-2.0
#include "app/lifelines.hpp"

#include "base/file.hpp"

namespace portlid::app {

namespace {

constexpr std::size_t kResolvBytes = 64U << 10U;

std::vector<IpAddress> name_servers() {
    for (const char* file : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
        const auto text = read_file(file, kResolvBytes);
        if (!text) continue;
        if (auto servers = rollout::name_servers_in(*text); !servers.empty()) return servers;
    }
    return {};
}

}  // namespace

std::vector<rollout::Lifeline> lifelines_under(const policy::Policy& policy,
                                               const Coverage& coverage) {
    std::vector<rollout::Uplink> uplinks;
    for (const auto& zone : coverage.zones_under(policy)) {
        const auto& link = coverage.network().interfaces.at(zone.ifindex);
        if (!link.default_route || zone.force_monitor) continue;
        const auto covered = coverage.interfaces().find(zone.ifindex);
        // Not attached yet: nothing enforces there until replies can be told.
        const bool told = covered == coverage.interfaces().end() || covered->second.state.egress;
        uplinks.push_back(
            {zone.zone, policy.zones[zone.zone].name, link.addresses, link.gateways, told});
    }
    return rollout::lifelines(uplinks, name_servers());
}

}  // namespace portlid::app
