// SPDX-License-Identifier: Apache-2.0
#include "rollout/overlays.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "policy/lookups.hpp"

namespace portlid::rollout {

namespace {

bool ended(const Until& until, BootTime now) {
    return until && *until <= now;
}

bool has_zone(const policy::Policy& policy, const std::string& name) {
    return std::any_of(policy.zones.begin(), policy.zones.end(),
                       [&](const auto& zone) { return zone.name == name; });
}

std::string default_rule(const policy::Zone& zone) {
    return zone.name + " default";
}

void apply_mode(policy::Policy& policy, const ModeOverride& change) {
    for (auto& zone : policy.zones) {
        if (!change.zone.empty() && zone.name != change.zone) continue;
        if (change.rule.empty()) {
            zone.forced = policy::ForcedModes{};
            zone.forced.all = change.mode;
        } else if (change.rule == default_rule(zone)) {
            zone.forced.own_rules = change.mode;
        } else if (change.mode) {
            zone.forced.services[change.rule] = *change.mode;
        } else {
            zone.forced.services.erase(change.rule);
        }
    }
}

// A list as written, resolved again: set names and prefixes.
void resolve(const policy::Policy& policy, const std::vector<std::string>& text,
             std::vector<Cidr>& members) {
    members.clear();
    for (const auto& word : text) {
        if (const auto* set = policy::find_set(policy, word))
            members.insert(members.end(), set->members.begin(), set->members.end());
        else if (const auto prefix = Cidr::parse(word, true))
            members.push_back(*prefix);
    }
}

void resolve_all(policy::Policy& policy) {
    resolve(policy, policy.management_text, policy.management);
    resolve(policy, policy.deny_text, policy.deny);
    resolve(policy, policy.routed_text, policy.routed);
    for (auto& service : policy.services) {
        resolve(policy, service.from_text, service.from);
        if (service.limit) resolve(policy, service.limit->exempt, service.limit->exempt_members);
    }
    for (auto& rule : policy.failsafe) resolve(policy, rule.from_text, rule.from);
    for (auto& label : policy.label_ceiling) resolve(policy, label.from_text, label.from);
}

void apply_set(policy::Policy& policy, const SetChange& change) {
    for (auto& set : policy.sets) {
        if (set.name != change.set) continue;
        std::erase(set.members, change.member);
        if (change.add) set.members.push_back(change.member);
        set.file.reset();  // its text no longer says what it holds
    }
}

// Names of rules are unique: the second opening of a port is "allow 8080/tcp (2)".
std::string fresh_name(const policy::Policy& policy, const Opening& opening) {
    const auto taken = [&](const std::string& name) {
        return std::any_of(policy.services.begin(), policy.services.end(),
                           [&](const auto& service) { return service.name == name; });
    };
    auto name = rule_name(opening);
    for (unsigned number = 2; taken(name); ++number)
        name = rule_name(opening) + " (" + std::to_string(number) + ")";
    return name;
}

void apply_opening(policy::Policy& policy, const Opening& opening) {
    policy::Service service;
    service.name = fresh_name(policy, opening);
    service.place.file = "portlid allow";
    service.ports = {opening.ports};
    service.from = opening.from;
    service.from_any = opening.from.empty();
    for (const auto& prefix : opening.from) service.from_text.push_back(prefix.to_string());
    if (!opening.zone.empty()) service.zones = {opening.zone};
    policy.services.push_back(std::move(service));
}

template <typename Change>
bool drop_from(std::vector<Change>& changes, BootTime now) {
    return std::erase_if(changes, [now](const auto& one) { return ended(one.until, now); }) != 0;
}

}  // namespace

std::string rule_name(const Opening& opening) {
    return "allow " + policy::to_string(opening.ports);
}

namespace {

// Sets and openings, which labels are weighed under.
void lay_what_labels_see(policy::Policy& base, const Overlays& overlays, BootTime now) {
    bool sets_changed = false;
    for (const auto& change : overlays.sets) {
        if (ended(change.until, now) || misses(base, change)) continue;
        apply_set(base, change);
        sets_changed = true;
    }
    if (sets_changed) resolve_all(base);
    for (const auto& opening : overlays.openings)
        if (!ended(opening.until, now) && !misses(base, opening)) apply_opening(base, opening);
}

}  // namespace

std::vector<LabelAnswer> label_answers(const policy::Policy& base, const Overlays& overlays,
                                       BootTime now) {
    const bool as_written = overlays.sets.empty() && overlays.openings.empty();
    if (as_written || overlays.labels.empty()) return weigh(base, overlays.labels, now);
    auto laid = base;
    lay_what_labels_see(laid, overlays, now);
    return weigh(laid, overlays.labels, now);
}

policy::Policy overlay(policy::Policy base, const Overlays& overlays, BootTime now) {
    lay_what_labels_see(base, overlays, now);
    for (auto& answer : weigh(base, overlays.labels, now))
        for (auto& opening : answer.openings) base.services.push_back(std::move(opening.service));
    for (const auto& change : overlays.modes)
        if (!ended(change.until, now) && !misses(base, change)) apply_mode(base, change);
    return base;
}

std::optional<std::string> misses(const policy::Policy& base, const ModeOverride& change) {
    if (!change.zone.empty() && !has_zone(base, change.zone))
        return "the policy has no zone `" + printable(change.zone, 64) + "`";
    if (change.rule.empty()) return std::nullopt;
    const bool service = std::any_of(base.services.begin(), base.services.end(),
                                     [&](const auto& known) { return known.name == change.rule; });
    const bool own = std::any_of(base.zones.begin(), base.zones.end(), [&](const auto& zone) {
        return default_rule(zone) == change.rule;
    });
    if (service || own) return std::nullopt;
    return "the policy has no rule `" + printable(change.rule, 64) + "`";
}

std::optional<std::string> misses(const policy::Policy& base, const Opening& change) {
    if (change.zone.empty() || has_zone(base, change.zone)) return std::nullopt;
    return "the policy has no zone `" + printable(change.zone, 64) + "`";
}

std::optional<std::string> misses(const policy::Policy& base, const SetChange& change) {
    if (policy::find_set(base, change.set) != nullptr) return std::nullopt;
    return "the policy has no set `" + printable(change.set, 64) + "`";
}

bool drop_ended(Overlays& overlays, BootTime now) {
    const bool modes = drop_from(overlays.modes, now);
    const bool openings = drop_from(overlays.openings, now);
    const bool sets = drop_from(overlays.sets, now);
    return modes || openings || sets;
}

std::vector<BootTime> ends(const Overlays& overlays, BootTime now) {
    std::set<BootTime> instants;
    const auto add = [&](const auto& changes) {
        for (const auto& change : changes)
            if (change.until && *change.until > now) instants.insert(*change.until);
    };
    add(overlays.modes);
    add(overlays.openings);
    add(overlays.sets);
    return {instants.begin(), instants.end()};
}

std::vector<BootTime> firm_ends(const policy::Policy& base, const Overlays& overlays, BootTime now,
                                bool confirmed) {
    Overlays firm;
    firm.modes = overlays.modes;
    for (auto& mode : firm.modes)
        if (mode.unconfirmed && confirmed) mode.until = mode.then;
    const auto opens = [&](const SetChange& change) {
        return change.add && std::find(base.deny_text.begin(), base.deny_text.end(), change.set) ==
                                 base.deny_text.end();
    };
    firm.sets = overlays.sets;
    std::erase_if(firm.sets, opens);
    return ends(firm, now);
}

std::vector<BootTime> label_ends(const policy::Policy& base, const Overlays& overlays,
                                 BootTime now) {
    std::set<BootTime> instants;
    if (overlays.labels.empty() || !base.labels_present) return {};
    for (const auto& answer : label_answers(base, overlays, now))
        for (const auto& opening : answer.openings)
            if (opening.until) instants.insert(*opening.until);
    return {instants.begin(), instants.end()};
}

}  // namespace portlid::rollout
