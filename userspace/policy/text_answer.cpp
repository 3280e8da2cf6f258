// SPDX-License-Identifier: Apache-2.0
#include "policy/text_answer.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace portlid::policy {

namespace {

bool names_port(const std::vector<PortRange>& ports, const TextQuestion& question) {
    return std::any_of(ports.begin(), ports.end(), [&](const PortRange& range) {
        return range.protocol == question.protocol && range.first_host <= question.port.value &&
               question.port.value <= range.last_host;
    });
}

template <class T>
bool empty_or_has(const std::vector<T>& list, const T& wanted) {
    return list.empty() || std::find(list.begin(), list.end(), wanted) != list.end();
}

bool names_flow(const Policy& policy, const Service& service, const TextQuestion& question) {
    return names_port(service.ports, question) &&
           empty_or_has(service.zones, policy.zones[question.zone].name) &&
           empty_or_has(service.addresses, question.destination);
}

bool failsafe_opens(const Policy& policy, const TextQuestion& question) {
    return std::any_of(policy.failsafe.begin(), policy.failsafe.end(),
                       [&](const FailsafeRule& rule) {
                           return names_port(rule.ports, question) &&
                                  (rule.from_any || listed(rule.from, question.source));
                       });
}

TextAnswer refusal(Mode mode, reason why) {
    return {mode == Mode::Enforce ? VERDICT_drop : VERDICT_would_drop, why};
}

// `limit: 1/…` refuses also the first try; every other limit lets it in.
bool refuses_first_try(const Service& service, const IpAddress& source) {
    return service.limit && service.limit->new_flows <= 1 &&
           !listed(service.limit->exempt_members, source);
}

// What the services say together: any that opens it opens it; where none does, it is dropped as
// soon as one that closes it enforces. A service with an owner opens what its owner holds.
struct ServicesSay {
    bool named = false;
    bool open = false;
    Mode strictest = Mode::Monitor;
    reason why = REASON_source_not_allowed;
};

// Read off the list by hand: the sockets of the very address, else those of every address, must be
// there and all be the owner's.
bool held_by(const HeldPorts& held, std::uint64_t owner, const TextQuestion& question) {
    const auto everybody = [&](auto&& sits_there) {
        std::map<std::pair<IpAddress, bool>, bool> places;  // proven?
        for (const auto& one : held) {
            if (one.protocol != static_cast<std::uint8_t>(question.protocol) ||
                one.port != question.port || !sits_there(one))
                continue;
            auto& proven = places[{one.address, one.v6only}];
            proven = proven || one.owner == owner;
        }
        std::optional<bool> all;
        for (const auto& [place, proven] : places) all = all.value_or(true) && proven;
        return all;
    };
    const auto exact =
        everybody([&](const HeldPort& one) { return one.address == question.destination; });
    if (exact) return *exact;
    const bool v4 = question.destination.family() == Family::IPv4;
    return everybody([&](const HeldPort& one) {
               if (!one.address.is_any()) return false;
               if (one.address.family() == Family::IPv4) return v4;
               return !v4 || !one.v6only;
           })
        .value_or(false);
}

ServicesSay ask_services(const Policy& policy, const TextQuestion& question) {
    ServicesSay say;
    const auto& zone = policy.zones[question.zone];
    for (const auto& service : policy.services) {
        if (!names_flow(policy, service, question)) continue;
        say.named = true;
        const bool source_fits = service.from_any || listed(service.from, question.source);
        if (source_fits && service.owner &&
            (question.held == nullptr ||
             !held_by(*question.held, owner_key(*service.owner), question)))
            say.why = REASON_owner_absent;
        else if (source_fits && refuses_first_try(service, question.source))
            say.why = REASON_limited;
        else if (source_fits)
            say.open = true;
        if (mode_of(policy, zone, service) == Mode::Enforce) say.strictest = Mode::Enforce;
    }
    return say;
}

}  // namespace

bool listed(const std::vector<Cidr>& list, const IpAddress& address) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Cidr& prefix) { return prefix.contains(address); });
}

TextAnswer text_answer(const Policy& policy, const TextQuestion& question) {
    const auto& zone = policy.zones[question.zone];
    const auto zone_mode = mode_of(policy, zone);
    if (failsafe_opens(policy, question)) return {VERDICT_allow, REASON_failsafe};
    if (listed(policy.deny, question.source)) return refusal(zone_mode, REASON_denied);
    const auto services = ask_services(policy, question);
    if (services.open) return {VERDICT_allow, REASON_allowed};
    if (services.named) return refusal(services.strictest, services.why);
    if (zone.default_action == Action::Allow) return {VERDICT_allow, REASON_zone_default};
    return refusal(zone_mode, REASON_no_service);
}

std::vector<std::uint32_t> stretches(const Policy& policy, std::size_t zone, PortProtocol protocol,
                                     const HeldPorts* held) {
    std::set<std::uint32_t> first{0};
    const auto add = [&](const std::vector<PortRange>& ports) {
        for (const auto& range : ports) {
            if (range.protocol != protocol) continue;
            first.insert(range.first_host);
            if (range.last_host != 65535) first.insert(range.last_host + 1U);
        }
    };
    for (const auto& service : policy.services)
        if (empty_or_has(service.zones, policy.zones[zone].name)) add(service.ports);
    for (const auto& rule : policy.failsafe) add(rule.ports);
    for (const auto& one : held != nullptr ? *held : HeldPorts())
        add({{static_cast<PortProtocol>(one.protocol), one.port.value, one.port.value}});
    return {first.begin(), first.end()};
}

}  // namespace portlid::policy
