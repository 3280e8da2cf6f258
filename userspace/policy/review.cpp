// SPDX-License-Identifier: Apache-2.0
// What only the whole policy can show.
#include <algorithm>

#include "policy/loader.hpp"

namespace portlid::policy {

namespace {

bool opens(const Service& service) {
    return !service.owner && !service.ports.empty() && (service.from_any || !service.from.empty());
}

bool has_way_in(const Policy& policy) {
    const auto& zones = policy.zones;
    const auto& services = policy.services;
    const auto& failsafe = policy.failsafe;
    const auto open_zone = [](const Zone& zone) { return zone.default_action == Action::Allow; };
    const auto open_failsafe = [](const FailsafeRule& rule) {
        return !rule.ports.empty() && (rule.from_any || !rule.from.empty());
    };
    return std::any_of(zones.begin(), zones.end(), open_zone) ||
           std::any_of(services.begin(), services.end(), opens) ||
           std::any_of(failsafe.begin(), failsafe.end(), open_failsafe);
}

// Refused where something would really be dropped; said where it would be after `mode: enforce`,
// so that a monitor-only policy (the one shipped) may begin without services.
void check_way_in(LoadState& state) {
    const auto& policy = state.policy;
    if (policy.zones.empty() || has_way_in(policy)) return;
    const auto enforcing =
        std::find_if(policy.zones.begin(), policy.zones.end(),
                     [&](const Zone& zone) { return mode_of(policy, zone) == Mode::Enforce; });
    if (enforcing != policy.zones.end())
        state.report.error(enforcing->place,
                           "the policy leaves no way in: every zone drops by "
                           "default and nothing opens a port",
                           "add a service or a failsafe for your own access, such as "
                           "failsafe: [{ ports: [22/tcp], from: [YOUR-ADDRESS] }]");
    else
        state.report.warn(policy.zones.front().place,
                          "no service opens anything: once this policy enforces, nothing gets in",
                          "add a service for your own access before `mode: enforce`");
}

void warn_surprises(LoadState& state) {
    for (const auto& service : state.policy.services) {
        if (service.limit && service.limit->new_flows == 1)
            state.report.warn(service.place, "limit 1 refuses the first new flow already",
                              "the n-th new flow is the first one refused: 6/30s lets 5 in");
    }
}

}  // namespace

void review(LoadState& state) {
    warn_surprises(state);
    // After another error the lists may be shorter than what was written.
    if (!state.report.has_errors()) check_way_in(state);
}

}  // namespace portlid::policy
