// SPDX-License-Identifier: Apache-2.0
#include "policy/show.hpp"

#include <fmt/format.h>

#include <functional>

#include "policy/values.hpp"

namespace portlid::policy {

namespace {

// A double-quoted scalar. The loader lets no control characters into a model, so only the two
// marks of the notation itself need an escape.
std::string text(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

template <class List, class Print>
std::string list(const List& items, Print print) {
    std::string out;
    for (const auto& item : items) {
        if (!out.empty()) out += ", ";
        out += print(item);
    }
    return "[" + out + "]";
}

std::string texts(const std::vector<std::string>& items) {
    return list(items, text);
}

std::string ports(const std::vector<PortRange>& ranges) {
    return list(ranges, [](const PortRange& range) { return to_string(range); });
}

std::string prefixes(const std::vector<Cidr>& members) {
    return list(members, [](const Cidr& member) { return text(member.to_string()); });
}

std::string owner(const Owner& value) {
    std::string out;
    for (const auto& [key, pattern] : value.matches)
        out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", key, text(pattern));
    return "{ " + out + " }";
}

std::string show_zone(const Zone& zone) {
    auto out = fmt::format("  {}:\n", zone.name);
    if (!zone.interfaces.empty()) out += "    interfaces: " + texts(zone.interfaces) + "\n";
    out += fmt::format("    default: {}\n", to_string(zone.default_action));
    if (zone.mode) out += fmt::format("    mode: {}\n", to_string(*zone.mode));
    out += fmt::format("    existing: {}\n",
                       zone.existing ? duration_text(*zone.existing) : "forever");
    if (zone.catch_all) out += "    catch_all: true\n";
    return out;
}

std::string show_set(const NamedSet& set) {
    if (set.file) return fmt::format("  {}: {{ file: {} }}\n", set.name, text(*set.file));
    return fmt::format("  {}: {}\n", set.name, prefixes(set.members));
}

std::string show_limit(const Limit& limit) {
    auto out = fmt::format("    limit: {{ new: {}/{}", limit.new_flows, duration_text(limit.per));
    if (!limit.exempt.empty()) out += ", exempt: " + texts(limit.exempt);
    return out + " }\n";
}

std::string show_service(const Service& service) {
    auto out =
        fmt::format("  - name: {}\n    ports: {}\n", text(service.name), ports(service.ports));
    if (!service.from_any) out += "    from: " + texts(service.from_text) + "\n";
    if (!service.zones.empty()) out += "    zones: " + texts(service.zones) + "\n";
    if (!service.addresses.empty())
        out += "    addresses: " +
               list(service.addresses, [](const auto& one) { return text(one.to_string()); }) +
               "\n";
    if (service.mode) out += fmt::format("    mode: {}\n", to_string(*service.mode));
    if (service.limit) out += show_limit(*service.limit);
    if (service.owner) out += "    owner: " + owner(*service.owner) + "\n";
    return out;
}

// "  - { ports: [...], from: [...] }" and whatever `rest` adds.
std::string show_rule(const std::vector<PortRange>& which, bool from_any,
                      const std::vector<std::string>& from, const std::string& rest = {}) {
    auto out = "  - { ports: " + ports(which);
    if (!from_any) out += ", from: " + texts(from);
    return out + rest + " }\n";
}

std::string show_labels(const Policy& policy) {
    if (!policy.labels_present) return {};
    std::string out = "labels:\n  ceiling:";
    out += policy.label_ceiling.empty() ? " []\n" : "\n";
    for (const auto& ceiling : policy.label_ceiling) {
        const auto rest =
            ceiling.for_at_most ? ", for: " + duration_text(*ceiling.for_at_most) : std::string();
        out += "  " + show_rule(ceiling.ports, ceiling.from_any, ceiling.from_text, rest);
    }
    return out;
}

std::string show_binds(const Policy& policy) {
    if (!policy.binds_refuse && policy.binds_allow.empty()) return {};
    auto out = fmt::format("binds:\n  default: {}\n", policy.binds_refuse ? "refuse" : "record");
    if (!policy.binds_allow.empty()) out += "  allow:\n";
    for (const auto& rule : policy.binds_allow) {
        const auto rest = rule.owner ? ", owner: " + owner(*rule.owner) : std::string();
        out += "  " + show_rule(rule.ports, true, {}, rest);
    }
    return out;
}

std::string show_tests(const Policy& policy) {
    std::string out = policy.tests.empty() ? "" : "tests:\n";
    for (const auto& test : policy.tests)
        out += fmt::format("  - {{ from: {}, to: {}, zone: {}, expect: {} }}\n",
                           text(test.from.to_string()), text(target_text(test)), test.zone,
                           to_string(test.expect));
    return out;
}

template <class Item>
std::string section(const char* title, const std::vector<Item>& items,
                    const std::function<std::string(const Item&)>& print) {
    std::string out = items.empty() ? "" : std::string(title) + ":\n";
    for (const auto& item : items) out += print(item);
    return out;
}

std::string source_list(const char* key, const std::vector<std::string>& entries) {
    return entries.empty() ? "" : fmt::format("{}: {}\n", key, texts(entries));
}

}  // namespace

std::string show(const Policy& policy, ShowTests tests) {
    auto out = fmt::format("version: 1\nmode: {}\n", to_string(policy.mode));
    out += section<Zone>("zones", policy.zones, show_zone);
    out += section<NamedSet>("sets", policy.sets, show_set);
    out += source_list("management", policy.management_text);
    out += source_list("deny", policy.deny_text);
    out += section<Service>("services", policy.services, show_service);
    out += fmt::format("icmp: {{ ping: {} }}\n", to_string(policy.ping));
    if (!policy.protocols.empty())
        out += fmt::format("protocols: {}\n", list(policy.protocols, protocol_text));
    out += fmt::format("transit: {}\n", to_string(policy.transit));
    out += source_list("routed", policy.routed_text);
    out += section<FailsafeRule>("failsafe", policy.failsafe, [](const FailsafeRule& rule) {
        return show_rule(rule.ports, rule.from_any, rule.from_text);
    });
    out += show_labels(policy) + show_binds(policy);
    if (tests == ShowTests::Yes) out += show_tests(policy);
    return out;
}

}  // namespace portlid::policy
