// SPDX-License-Identifier: Apache-2.0
// What a policy says besides who reaches which port, as pairs of a name and a value; two lists of
// such pairs are easy to compare.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "policy/diff.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxShownMembers = 16;

template <class List, class Print>
std::string joined(const List& items, Print print) {
    std::string out;
    for (const auto& item : items) out += (out.empty() ? "" : ", ") + print(item);
    return out;
}

std::string words_text(const std::vector<std::string>& items) {
    return fmt::format("{}", fmt::join(items, ", "));
}

std::string ranges_text(const std::vector<PortRange>& ranges) {
    return joined(ranges, [](const PortRange& range) { return to_string(range); });
}

std::string owner_words(const std::optional<Owner>& owner) {
    if (!owner) return {};
    return joined(owner->matches,
                  [](const auto& match) { return match.first + " " + match.second; });
}

std::string limit_text(const std::optional<Limit>& limit) {
    if (!limit) return {};
    auto out = fmt::format("{}/{}", limit->new_flows, duration_text(limit->per));
    if (!limit->exempt.empty()) out += ", not for " + words_text(limit->exempt);
    return out;
}

std::string rule_text(const std::vector<PortRange>& which, bool from_any,
                      const std::vector<std::string>& from) {
    return ranges_text(which) + (from_any ? " from everybody" : " from " + words_text(from));
}

// Members when they fit on a line, else their number and what tells two lists apart.
std::string members_text(std::vector<Cidr> members) {
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    auto list = joined(members, [](const Cidr& member) { return member.to_string(); });
    if (members.empty()) return "empty";
    if (members.size() <= kMaxShownMembers) return list;
    return fmt::format("{} prefixes, sha256 {}", members.size(), sha256(list).substr(0, 19));
}

void add_zones(const Policy& policy, Settings& out) {
    for (const auto& zone : policy.zones) {
        const auto name = "zone " + zone.name;
        out.emplace_back(name + " interfaces", words_text(zone.interfaces));
        out.emplace_back(name + " default", to_string(zone.default_action));
        out.emplace_back(name + " existing",
                         zone.existing ? duration_text(*zone.existing) : "forever");
        out.emplace_back(name + " catch_all", zone.catch_all ? "true" : "false");
    }
}

void add_sets(const Policy& policy, Settings& out) {
    for (const auto& set : policy.sets)
        out.emplace_back("set " + set.name, members_text(set.members));
    out.emplace_back("management", words_text(policy.management_text));
    out.emplace_back("deny", words_text(policy.deny_text));
    out.emplace_back("routed", words_text(policy.routed_text));
}

void add_services(const Policy& policy, Settings& out) {
    for (const auto& service : policy.services) {
        out.emplace_back("service " + service.name + " limit", limit_text(service.limit));
        out.emplace_back("service " + service.name + " owner", owner_words(service.owner));
    }
}

void add_rest(const Policy& policy, Settings& out) {
    out.emplace_back("ping", to_string(policy.ping));
    out.emplace_back("transit", to_string(policy.transit));
    out.emplace_back("protocols", joined(policy.protocols, protocol_text));
    out.emplace_back("failsafe", joined(policy.failsafe, [](const FailsafeRule& rule) {
                         return rule_text(rule.ports, rule.from_any, rule.from_text);
                     }));
    const auto ceiling = joined(policy.label_ceiling, [](const LabelCeiling& rule) {
        const auto time = rule.for_at_most ? " for " + duration_text(*rule.for_at_most) : "";
        return rule_text(rule.ports, rule.from_any, rule.from_text) + time;
    });
    out.emplace_back("labels", policy.labels_present && ceiling.empty() ? "nothing" : ceiling);
    out.emplace_back("binds default", policy.binds_refuse ? "refuse" : "record");
    out.emplace_back("binds allow", joined(policy.binds_allow, [](const BindRule& rule) {
                         const auto who = owner_words(rule.owner);
                         return ranges_text(rule.ports) + (who.empty() ? "" : " by " + who);
                     }));
}

Settings settings_of(const Policy& policy) {
    Settings out;
    add_zones(policy, out);
    add_sets(policy, out);
    add_services(policy, out);
    add_rest(policy, out);
    return out;
}

// What a zone's rules do; a service without a mode of its own follows its zones.
Settings modes_of(const Policy& policy) {
    Settings out;
    for (const auto& zone : policy.zones)
        out.emplace_back("zone " + zone.name + " mode", to_string(mode_of(policy, zone)));
    for (const auto& service : policy.services)
        out.emplace_back("service " + service.name + " mode",
                         service.mode ? to_string(*service.mode) : "as its zone");
    return out;
}

const std::string* find(const Settings& settings, const std::string& what) {
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const auto& one) { return one.first == what; });
    return found == settings.end() ? nullptr : &found->second;
}

// What a zone or a service that only one side has need not say.
bool is_default(const std::string& value) {
    return value.empty() || value == "as its zone" || value == "forever" || value == "false";
}

std::vector<SettingChange> changes(const Settings& before, const Settings& after) {
    std::vector<SettingChange> out;
    std::unordered_map<std::string, const std::string*> old;
    for (const auto& [what, value] : before) old.emplace(what, &value);
    for (const auto& [what, value] : after) {
        const auto was = old.find(what);
        if (was == old.end() ? !is_default(value) : *was->second != value)
            out.push_back({what, was == old.end() ? "" : *was->second, value});
    }
    for (const auto& [what, value] : before)
        if (!is_default(value) && find(after, what) == nullptr) out.push_back({what, value, ""});
    return out;
}

}  // namespace

void diff_settings(const Policy& before, const Policy& after, PolicyDiff& out) {
    out.modes = changes(modes_of(before), modes_of(after));
    out.settings = changes(settings_of(before), settings_of(after));
}

}  // namespace portlid::policy
