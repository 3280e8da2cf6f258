// SPDX-License-Identifier: Apache-2.0
#include "policy/model.hpp"

#include <fmt/format.h>

namespace portlid::policy {

const char* to_string(Mode mode) {
    return mode == Mode::Enforce ? "enforce" : "monitor";
}

const char* to_string(Action action) {
    return action == Action::Allow ? "allow" : "drop";
}

std::string to_string(const PortRange& range) {
    const char* protocol = range.protocol == PortProtocol::Tcp ? "tcp" : "udp";
    if (range.first_host == range.last_host)
        return fmt::format("{}/{}", range.first_host, protocol);
    return fmt::format("{}-{}/{}", range.first_host, range.last_host, protocol);
}

std::string target_text(const PolicyTest& test) {
    if (!test.address) return to_string(test.to);
    const char* protocol = test.to.protocol == PortProtocol::Tcp ? "tcp" : "udp";
    return fmt::format("{}/{}", endpoint(*test.address, {test.to.first_host}), protocol);
}

Mode mode_of(const Policy& policy, const Zone& zone) {
    if (zone.forced.own_rules) return *zone.forced.own_rules;
    return zone.forced.all.value_or(zone.mode.value_or(policy.mode));
}

Mode mode_of(const Policy& policy, const Zone& zone, const Service& service) {
    const auto forced = zone.forced.services.find(service.name);
    if (forced != zone.forced.services.end()) return forced->second;
    if (zone.forced.all) return *zone.forced.all;
    return service.mode.value_or(zone.mode.value_or(policy.mode));
}

}  // namespace portlid::policy
