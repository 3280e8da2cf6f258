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

bool is_exempt(const Plan& plan, std::size_t service, std::size_t source_class) {
    const auto& exempt = plan.limit_exempt[service];
    return exempt && plan.trie.contains(source_class, *exempt);
}

// What one service says of a flow, were it alone; a limit is added by whoever chains them.
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

// The services that name one port for one source and destination class.
struct Verdicts {
    std::optional<decision> open;         // without a condition: nothing else matters
    std::vector<std::size_t> limited;     // open while their limit lasts, in file order
    std::vector<decision> limited_opens;  // likewise
    std::optional<decision> closing;      // when none opens
};

// The first that names the port speaks, unless only a later one enforces.
void offer_closing(Verdicts& verdicts, const decision& value) {
    auto& closing = verdicts.closing;
    if (!closing || (closing->enforce == 0 && value.enforce != 0)) closing = value;
}

decision when_limited(decision open) {
    open.reason = REASON_limited;
    open.allow = 0;
    return open;
}

Verdicts ask_services(const Plan& plan, const PortRules& rules, std::size_t source_class,
                      std::size_t destination_class) {
    Verdicts verdicts;
    for (const auto service : rules.services) {
        if (!names_destination(plan, service, destination_class)) continue;
        const auto value = service_decision(plan, rules.zone, service, source_class);
        const bool limited =
            plan.limits[service].kind != 0 && !is_exempt(plan, service, source_class);
        if (value.allow != 0 && !limited && !verdicts.open) verdicts.open = value;
        if (value.allow != 0 && limited) {
            verdicts.limited.push_back(service);
            verdicts.limited_opens.push_back(value);
        }
        if (value.allow == 0 || limited)
            offer_closing(verdicts, value.allow != 0 ? when_limited(value) : value);
    }
    return verdicts;
}

// Each limited service opens while its limit lasts, otherwise the next one is asked. From the last
// to the first, since each names the one behind it.
std::uint16_t chain(Plan& plan, const Verdicts& verdicts) {
    if (verdicts.limited.size() > MAX_CHAINED_CONDITIONS) return 0;
    auto next = plan.decisions.add(*verdicts.closing);
    for (auto i = verdicts.limited.size(); i-- > 0 && next != 0;) {
        auto limit = plan.limits[verdicts.limited[i]];
        limit.otherwise = next;
        auto open = verdicts.limited_opens[i];
        open.condition = plan.conditions.add(limit);
        next = open.condition == 0 ? std::uint16_t{0} : plan.decisions.add(open);
    }
    return next;
}

std::uint16_t decide_services(Plan& plan, const PortRules& rules, std::size_t source_class,
                              std::size_t destination_class) {
    const auto verdicts = ask_services(plan, rules, source_class, destination_class);
    if (verdicts.open) return plan.decisions.add(*verdicts.open);
    if (verdicts.closing) return chain(plan, verdicts);
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
