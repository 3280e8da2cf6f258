// SPDX-License-Identifier: Apache-2.0
#include "policy/import/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/import/address_ranges.hpp"

namespace portlid::policy {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxAwsSources = 40;  // of one rule; a group takes 60 rules in all

std::string origin_text(const Place& place) {
    return fmt::format("{}:{}", place.file, place.line);
}

// Sources as prefixes; everybody is both families.
std::vector<Cidr> sources_of(bool from_any, const std::vector<Cidr>& from) {
    if (!from_any) return from;
    return {{IpAddress::any(Family::IPv4), 0}, {IpAddress::any(Family::IPv6), 0}};
}

struct Opening {
    std::string name;
    Place place;
    bool failsafe = false;  // stands before `deny`
    std::vector<PortRange> ports;
    bool from_any = true;
    std::vector<Cidr> from;
    std::vector<IpAddress> addresses;
    bool limit = false;
};

bool in_first_zone(const Policy& policy, const Service& service) {
    const auto& zones = service.zones;
    return zones.empty() ||
           std::find(zones.begin(), zones.end(), policy.zones.front().name) != zones.end();
}

// Both targets know one outside: the policy's first zone.
std::vector<Opening> openings(const Policy& policy, bool with_addresses,
                              std::vector<Unmapped>& unmapped) {
    std::vector<Opening> out;
    const auto skip = [&](const Service& service, const char* why) {
        unmapped.push_back({origin_text(service.place), "service " + service.name, why});
    };
    for (const auto& service : policy.services) {
        if (!in_first_zone(policy, service))
            skip(service, "it is for another zone than the first");
        else if (service.owner)
            skip(service, "an owner cannot be said there: the port would be open to any program");
        else if (!service.addresses.empty() && !with_addresses)
            skip(service, "one address of the host cannot be said there");
        else if (service.limit && (!with_addresses || !service.limit->exempt.empty()))
            skip(service, "its limit cannot be said there: the port would be open without one");
        else if (service.limit &&
                 (service.limit->new_flows != 6 || service.limit->per != std::chrono::seconds(30)))
            skip(service, "only a limit of 6/30s can be said there");
        else
            out.push_back({service.name, service.place, false, service.ports, service.from_any,
                           service.from, service.addresses, service.limit.has_value()});
    }
    for (const auto& rule : policy.failsafe)
        out.push_back(
            {"failsafe", rule.place, true, rule.ports, rule.from_any, rule.from, {}, false});
    return out;
}

void note_defaults(const Policy& policy, std::vector<Unmapped>& unmapped) {
    const auto& zone = policy.zones.front();
    if (zone.default_action == Action::Allow)
        unmapped.push_back({origin_text(zone.default_place), "default: allow",
                            "every port would have to be opened: only services are"});
    for (std::size_t i = 1; i < policy.zones.size(); ++i)
        unmapped.push_back({origin_text(policy.zones[i].place), "zone " + policy.zones[i].name,
                            "only the first zone is exported"});
    if (!policy.protocols.empty())
        unmapped.push_back(
            {origin_text(policy.protocols_place), "protocols", "only tcp and udp are exported"});
}

std::string ufw_ports(const PortRange& range) {
    if (range.first_host == range.last_host) return std::to_string(range.first_host);
    return fmt::format("{}:{}", range.first_host, range.last_host);
}

std::string ufw_line(const Opening& opening, const PortRange& range, const std::string& from,
                     const std::string& to) {
    return fmt::format("ufw {} proto {} from {} to {} port {} comment '{}'\n",
                       opening.limit ? "limit" : "allow",
                       range.protocol == PortProtocol::Tcp ? "tcp" : "udp", from, to,
                       ufw_ports(range), opening.name);
}

void add_ufw(const Opening& opening, std::string& out) {
    std::vector<std::string> targets;
    for (const auto& address : opening.addresses) targets.push_back(address.to_string());
    if (targets.empty()) targets.emplace_back("any");
    std::vector<std::string> sources;
    for (const auto& prefix : opening.from) sources.push_back(prefix.to_string());
    if (opening.from_any) sources.assign({"any"});
    for (const auto& from : sources) {
        for (const auto& to : targets) {
            const bool mixed =
                from != "any" && to != "any" &&
                (from.find(':') == std::string::npos) != (to.find(':') == std::string::npos);
            if (mixed) continue;
            for (const auto& range : opening.ports) out += ufw_line(opening, range, from, to);
        }
    }
}

// What `deny` leaves of the sources: a security group only allows.
std::vector<Cidr> without_denied(const std::vector<Cidr>& sources, const std::vector<Cidr>& deny) {
    std::vector<Cidr> out;
    for (const auto& source : sources) {
        AddressRanges left(source);
        for (const auto& prefix : deny) left.subtract(AddressRanges(prefix));
        for (const auto& prefix : left.prefixes()) out.push_back(prefix);
    }
    return out;
}

// None when it has to be left out.
std::vector<Cidr> aws_sources(const Policy& policy, const std::vector<Cidr>& sources,
                              const Place& place, const std::string& what,
                              std::vector<Unmapped>& unmapped) {
    auto left = without_denied(sources, policy.deny);
    if (left == sources || (!left.empty() && left.size() <= kMaxAwsSources)) return left;
    unmapped.push_back(
        {origin_text(place), what,
         left.empty() ? "`deny` shuts out all its sources"
                      : fmt::format("`deny` leaves {} pieces of its sources, more than {} in one "
                                    "rule: deny less, or name the sources by `from:`",
                                    left.size(), kMaxAwsSources)});
    return {};
}

Json aws_ranges(const std::vector<Cidr>& sources, Family family, const std::string& name) {
    auto out = Json::array();
    for (const auto& prefix : sources) {
        if (prefix.address.family() != family) continue;
        const auto text = fmt::format("{}/{}", prefix.address.to_string(), prefix.bits);
        out.push_back(
            {{family == Family::IPv4 ? "CidrIp" : "CidrIpv6", text}, {"Description", name}});
    }
    return out;
}

void add_aws_ping(const Policy& policy, Json& permissions, std::vector<Unmapped>& unmapped) {
    const auto place = policy.icmp_place.line != 0 ? policy.icmp_place : policy.deny_place;
    const auto sources = aws_sources(policy, {{IpAddress::any(Family::IPv4), 0}}, place,
                                     "icmp: { ping: allow }", unmapped);
    if (sources.empty()) return;
    permissions.push_back({{"IpProtocol", "icmp"},
                           {"FromPort", 8},
                           {"ToPort", -1},
                           {"IpRanges", aws_ranges(sources, Family::IPv4, "ping")},
                           {"Ipv6Ranges", Json::array()}});
}

}  // namespace

Exported export_ufw(const Policy& policy) {
    Exported out;
    note_defaults(policy, out.unmapped);
    out.text = "#!/bin/sh\n# From " + printable(policy.file) +
               "; on a Docker host UFW does not see published ports.\nset -e\n"
               "ufw default deny incoming\n";
    for (const auto& rule : policy.failsafe)
        add_ufw({"failsafe", rule.place, true, rule.ports, rule.from_any, rule.from, {}, false},
                out.text);
    for (const auto& prefix : policy.deny)
        out.text += fmt::format("ufw deny from {}\n", prefix.to_string());
    for (const auto& opening : openings(policy, true, out.unmapped))
        if (!opening.failsafe) add_ufw(opening, out.text);
    if (policy.ping == Action::Drop)
        out.unmapped.push_back({origin_text(policy.icmp_place), "icmp: { ping: drop }",
                                "UFW answers pings by before.rules: change that file"});
    else if (!policy.deny.empty())
        out.unmapped.push_back({origin_text(policy.deny_place), "deny",
                                "UFW answers pings by before.rules, those of denied sources too: "
                                "change that file"});
    return out;
}

Exported export_aws_sg(const Policy& policy) {
    Exported out;
    note_defaults(policy, out.unmapped);
    auto permissions = Json::array();
    for (const auto& opening : openings(policy, false, out.unmapped)) {
        auto sources = sources_of(opening.from_any, opening.from);
        if (!opening.failsafe)
            sources = aws_sources(policy, sources, opening.place, "service " + opening.name,
                                  out.unmapped);
        if (sources.empty()) continue;
        for (const auto& range : opening.ports)
            permissions.push_back(
                {{"IpProtocol", range.protocol == PortProtocol::Tcp ? "tcp" : "udp"},
                 {"FromPort", range.first_host},
                 {"ToPort", range.last_host},
                 {"IpRanges", aws_ranges(sources, Family::IPv4, opening.name)},
                 {"Ipv6Ranges", aws_ranges(sources, Family::IPv6, opening.name)}});
    }
    if (policy.ping == Action::Allow) add_aws_ping(policy, permissions, out.unmapped);
    out.text = Json{{"IpPermissions", std::move(permissions)}}.dump(
                   2, ' ', false, Json::error_handler_t::replace) +
               "\n";
    return out;
}

}  // namespace portlid::policy
