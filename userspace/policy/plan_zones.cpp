// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "abi/reasons.h"
#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

constexpr std::uint64_t kForEver = ~std::uint64_t{0};

struct SharedRules {
    std::uint16_t ping = 0;
    std::uint16_t protocols = 0;
    std::uint16_t transit = 0;
    std::uint16_t deny = 0;
    std::uint16_t direct = 0;
};

void write_protocols(const Policy& policy, zone_rules& rules) {
    for (const auto protocol : policy.protocols)
        rules.protocols[protocol / 64U] |= std::uint64_t{1} << (protocol % 64U);
}

void write_default(Plan& plan, const Zone& zone, std::uint16_t rule, zone_rules& rules) {
    const bool allow = zone.default_action == Action::Allow;
    decision value{};
    value.rule = rule;
    value.reason = allow ? REASON_zone_default : REASON_no_service;
    value.allow = allow ? 1 : 0;
    value.enforce = rules.enforce;
    rules.default_decision = plan.decisions.add(value);
}

void write_zone(Plan& plan, const Zone& zone, const SharedRules& shared, zone_rules& rules) {
    const auto& policy = plan.policy;
    rules.existing_ns =
        zone.existing ? static_cast<std::uint64_t>(zone.existing->count()) : kForEver;
    rules.enforce = plan.enforces(mode_of(policy, zone)) ? 1 : 0;
    rules.ping_allow = policy.ping == Action::Allow ? 1 : 0;
    rules.transit_allow = policy.transit == Action::Allow ? 1 : 0;
    rules.ping_rule = shared.ping;
    rules.protocol_rule = shared.protocols;
    rules.transit_rule = shared.transit;
    rules.deny_rule = shared.deny;
    rules.direct_rule = shared.direct;
    write_protocols(policy, rules);
    write_default(plan, zone, plan.add_rule(zone.name + " default", zone.default_place), rules);
    plan.out.zones.push_back(zone.name);
}

}  // namespace

Result<> plan_zones(Plan& plan) {
    const auto& policy = plan.policy;
    if (policy.zones.size() > MAX_ZONES)
        return fail(fmt::format("{}: {} zones, at most {} fit", policy.file, policy.zones.size(),
                                MAX_ZONES),
                    "put interfaces with the same rules into one zone", ExitCode::PolicyInvalid);
    SharedRules shared;
    shared.ping = plan.add_rule("ping", policy.icmp_place);
    shared.protocols = plan.add_rule("protocols", policy.protocols_place);
    shared.transit = plan.add_rule("transit", policy.transit_place);
    shared.deny = plan.add_rule("deny", policy.deny_place);
    shared.direct = plan.add_rule("routed", policy.routed_place);
    for (std::size_t i = 0; i < policy.zones.size(); ++i)
        write_zone(plan, policy.zones[i], shared, plan.image().zones[i]);
    plan.image().head.zone_count = static_cast<std::uint32_t>(policy.zones.size());
    for (const auto& service : policy.services)
        plan.service_rule.push_back(plan.add_rule(service.name, service.place));
    for (const auto& rule : policy.failsafe)
        plan.failsafe_rule.push_back(plan.add_rule("failsafe", rule.place));
    return {};
}

}  // namespace portlid::policy
