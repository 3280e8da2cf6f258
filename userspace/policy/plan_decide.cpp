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

bool is_exempt(const Plan& plan, std::size_t service, std::size_t source_class) {
    const auto& exempt = plan.limit_exempt[service];
    return exempt && plan.trie.contains(source_class, *exempt);
}

// What one service says of a flow, were it alone; limit and owner are added by whoever chains them.
decision service_decision(const Plan& plan, std::size_t zone, std::size_t service,
                          std::size_t source_class) {
    const auto& rule = plan.policy.services[service];
    decision value{};
    value.rule = plan.service_rule[service];
    value.enforce = plan.enforces(mode_of(plan.policy, plan.policy.zones[zone], rule)) ? 1 : 0;
    value.allow = matches(plan, plan.service_from[service], source_class) ? 1 : 0;
    value.reason = value.allow != 0 ? REASON_allowed : REASON_source_not_allowed;
    return value;
}

// A service that opens the port to this source as long as something holds at run time.
struct Conditional {
    std::size_t service = 0;
    bool owned = false;
    bool limited = false;
    decision open{};
    // What it says once something does not hold.
    [[nodiscard]] decision closed(reason why) const {
        auto value = open;
        value.reason = static_cast<__u8>(why);
        value.allow = 0;
        return value;
    }
    [[nodiscard]] decision closed() const {
        return closed(owned ? REASON_owner_absent : REASON_limited);
    }
};

// The services that name one port for one source and destination class.
struct Verdicts {
    std::optional<decision> open;     // without a condition: nothing else matters
    std::vector<Conditional> chain;   // in file order, those without a limit first: an owner's
                                      // port costs nobody a try elsewhere
    std::optional<decision> closing;  // when none opens
};

// The first that names the port speaks, unless only a later one enforces.
void offer_closing(Verdicts& verdicts, const decision& value) {
    auto& closing = verdicts.closing;
    if (!closing || (closing->enforce == 0 && value.enforce != 0)) closing = value;
}

Verdicts services_decide(const Plan& plan, const PortRules& rules, std::size_t source_class,
                         std::size_t destination_class) {
    Verdicts verdicts;
    for (const auto service : rules.services) {
        if (!names_destination(plan, service, destination_class)) continue;
        const auto value = service_decision(plan, rules.zone, service, source_class);
        const Conditional conditional{
            service, plan.owners[service] != 0,
            plan.limits[service].kind != 0 && !is_exempt(plan, service, source_class), value};
        const bool conditions = conditional.owned || conditional.limited;
        if (value.allow == 0) offer_closing(verdicts, value);
        if (value.allow != 0 && !conditions && !verdicts.open) verdicts.open = value;
        if (value.allow == 0 || !conditions) continue;
        verdicts.chain.push_back(conditional);
        offer_closing(verdicts, conditional.closed());
    }
    std::stable_partition(verdicts.chain.begin(), verdicts.chain.end(),
                          [](const Conditional& one) { return !one.limited; });
    return verdicts;
}

// One link: the service opens while its limit lasts and its owner holds the port, else `next`
// decides (`unowned` where it is the owner that is missing). 0: no room.
std::uint16_t add_link(Plan& plan, const Conditional& link, std::uint16_t next,
                       std::uint16_t unowned) {
    auto open = link.open;
    if (link.limited) {
        auto limit = plan.limits[link.service];
        limit.otherwise = next;
        open.condition = plan.conditions.add(limit);
        if (open.condition == 0) return 0;
    }
    const auto index = plan.decisions.add(open);
    if (!link.owned || index == 0) return index;
    condition owner{};
    owner.key = plan.owners[link.service];
    owner.kind = CONDITION_OWNER;
    owner.then = index;
    owner.otherwise = unowned;
    auto head = link.open;
    head.condition = plan.conditions.add(owner);
    return head.condition == 0 ? std::uint16_t{0} : plan.decisions.add(head);
}

// From the last to the first, since each names the one behind it. Where the last one speaks for the
// whole port, it says which of its conditions did not hold.
std::uint16_t chain(Plan& plan, const Verdicts& verdicts) {
    if (verdicts.chain.size() > MAX_CHAINED_CONDITIONS) return 0;
    auto next = plan.decisions.add(*verdicts.closing);
    for (auto i = verdicts.chain.size(); i-- > 0 && next != 0;) {
        const auto& link = verdicts.chain[i];
        auto unowned = next;
        if (i + 1 == verdicts.chain.size() && link.open.rule == verdicts.closing->rule) {
            unowned = plan.decisions.add(link.closed(REASON_owner_absent));
            if (link.limited) next = plan.decisions.add(link.closed(REASON_limited));
        }
        next = unowned == 0 || next == 0 ? std::uint16_t{0} : add_link(plan, link, next, unowned);
    }
    return next;
}

std::uint16_t decide_services(Plan& plan, const PortRules& rules, std::size_t source_class,
                              std::size_t destination_class) {
    const auto verdicts = services_decide(plan, rules, source_class, destination_class);
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
