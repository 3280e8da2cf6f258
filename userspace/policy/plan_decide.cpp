// SPDX-License-Identifier: Apache-2.0
// Rows 8, 11, 13 and 14 of the decision table for one port, source class and destination class.
#include <algorithm>

#include "abi/reasons.h"
#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

bool matches(const Plan& plan, const std::optional<GroupId>& from, std::size_t source_class) {
    return !from || plan.trie.contains(source_class, *from);
}

// A service with `addresses` does not name the port on any other address.
bool names_destination(const Plan& plan, std::size_t service, std::size_t destination_class) {
    if (plan.policy.services[service].addresses.empty()) return true;
    const auto& named = plan.destination_services[destination_class];
    return std::binary_search(named.begin(), named.end(), service);
}

// `otherwise`: for destinations that are not the host's own.
decision failsafe_decision(const Plan& plan, std::size_t index, std::uint16_t otherwise) {
    decision value{};
    value.condition = otherwise;
    value.rule = plan.failsafe_rule[index];
    value.reason = REASON_failsafe;
    value.allow = 1;
    value.failsafe = 1;
    return value;
}

// Owners are proved by the exposure work; until then a service with one never opens.
bool opens(const Plan& plan, std::size_t service, std::size_t source_class) {
    return !plan.policy.services[service].owner &&
           matches(plan, plan.service_from[service], source_class);
}

decision service_decision(const Plan& plan, std::size_t zone, std::size_t service,
                          std::size_t source_class) {
    const auto& rule = plan.policy.services[service];
    decision value{};
    value.rule = plan.service_rule[service];
    value.enforce = plan.enforces(mode_of(plan.policy, plan.policy.zones[zone], rule)) ? 1 : 0;
    value.allow = opens(plan, service, source_class) ? 1 : 0;
    if (value.allow != 0)
        value.reason = REASON_allowed;
    else if (matches(plan, plan.service_from[service], source_class))
        value.reason = REASON_owner_absent;
    else
        value.reason = REASON_source_not_allowed;
    return value;
}

std::uint16_t decide_services(Plan& plan, const PortRules& rules, std::size_t source_class,
                              std::size_t destination_class) {
    std::optional<decision> closing;
    for (const auto service : rules.services) {
        if (!names_destination(plan, service, destination_class)) continue;
        const auto value = service_decision(plan, rules.zone, service, source_class);
        if (value.allow != 0) return plan.decisions.add(value);
        // The first that names the port speaks, unless only a later one enforces.
        if (!closing || (closing->enforce == 0 && value.enforce != 0)) closing = value;
    }
    if (closing) return plan.decisions.add(*closing);
    return plan.out.image->zones[rules.zone].default_decision;
}

}  // namespace

std::uint16_t decide(Plan& plan, const PortRules& rules, std::size_t source_class,
                     std::size_t destination_class) {
    const auto services = decide_services(plan, rules, source_class, destination_class);
    if (services == 0) return 0;  // no room
    for (const auto index : rules.failsafes)
        if (matches(plan, plan.failsafe_from[index], source_class))
            return plan.decisions.add(failsafe_decision(plan, index, services));
    return services;
}

}  // namespace portlid::policy
