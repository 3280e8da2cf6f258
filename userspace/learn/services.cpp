// SPDX-License-Identifier: Apache-2.0
#include "learn/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace portlid::learn {

namespace {

constexpr std::size_t kNameBytes = 40;

// What the policy's language takes as a name, of any text.
std::string as_name(const std::string& text) {
    std::string name;
    for (const char c : text.substr(0, kNameBytes)) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c >= 'A' && c <= 'Z')
            name += static_cast<char>(c - 'A' + 'a');
        else if (plain || (!name.empty() && name.back() != '-'))
            name += plain ? c : '-';
    }
    while (!name.empty() && name.back() == '-') name.pop_back();
    const bool digit = !name.empty() && name.front() >= '0' && name.front() <= '9';
    return digit ? "c-" + name : name;
}

std::string base_name(const UsedPort& port) {
    const auto& target = *port.evidence.target;
    if (!target.service.empty()) return as_name(target.project + "-" + target.service);
    if (!target.container.empty()) return as_name(target.container);
    if (!target.container_id.empty()) return as_name(target.container_id.substr(0, 12));
    return as_name(target.exe.substr(target.exe.rfind('/') + 1));
}

const char* word(policy::PortProtocol protocol) {
    return protocol == policy::PortProtocol::Tcp ? "tcp" : "udp";
}

IpAddress masked(const IpAddress& address, unsigned kept_bytes) {
    auto bytes = address.to_bytes();
    std::fill(bytes.bytes + kept_bytes, bytes.bytes + 16, std::uint8_t{0});
    return IpAddress::from_bytes(bytes);
}

Cidr network_of(const IpAddress& source) {
    if (source.family() == Family::IPv4) return {masked(source, 15), 24};
    return {masked(source, 6), 48};
}

const policy::Service* limited_by(const policy::Policy& policy, const UsedPort& port) {
    for (const auto& service : policy.services) {
        if (!service.limit) continue;
        const bool here =
            service.zones.empty() ||
            std::find(service.zones.begin(), service.zones.end(), port.zone) != service.zones.end();
        for (const auto& range : service.ports)
            if (here && range.protocol == port.protocol && range.first_host <= port.port_host &&
                port.port_host <= range.last_host)
                return &service;
    }
    return nullptr;
}

// Ports come in order: one that follows the last widens its range.
void add_port(policy::Service& service, const UsedPort& port) {
    if (!service.ports.empty()) {
        auto& last = service.ports.back();
        if (last.protocol == port.protocol && last.last_host + 1 == port.port_host) {
            last.last_host = port.port_host;
            return;
        }
    }
    service.ports.push_back({port.protocol, port.port_host, port.port_host});
}

void add_evidence(Evidence& all, const Evidence& one) {
    const bool first = all.packets == 0;
    all.first = first ? one.first : std::min(all.first, one.first);
    all.last = std::max(all.last, one.last);
    all.packets += one.packets;
    all.sources = std::max(all.sources, one.sources);
    for (const auto& source : one.some_sources)
        if (all.some_sources.size() < kSourcesShown) all.some_sources.insert(source);
    if (!one.target->empty()) all.target = one.target;
}

std::string unique_name(const std::string& base, const UsedPort& port,
                        const std::set<std::string>& taken) {
    const auto with_port =
        fmt::format("{}-{}-{}", base.empty() ? "port" : base, port.port_host, word(port.protocol));
    auto name = base.empty() ? with_port : base;
    if (taken.contains(name)) name = with_port;
    for (int n = 2; taken.contains(name); ++n) name = fmt::format("{}-{}", with_port, n);
    return name;
}

}  // namespace

std::vector<Cidr> from_of(const std::set<IpAddress>& sources) {
    std::vector<Cidr> from;
    if (sources.size() <= kFewSources) {
        for (const auto& source : sources) from.push_back(source_prefix(source));
        return from;
    }
    std::map<Cidr, std::size_t> networks;
    for (const auto& source : sources) ++networks[network_of(source)];
    const bool few = networks.size() <= kFewNetworks;
    const bool full = std::all_of(networks.begin(), networks.end(), [](const auto& network) {
        return network.second >= kSourcesOfANetwork;
    });
    if (few && full)
        for (const auto& [network, count] : networks) from.push_back(network);
    return from;
}

std::vector<LearntService> services_of(const policy::Policy& in_force,
                                       const std::vector<UsedPort>& ports) {
    using Group = std::tuple<std::string, std::string, std::vector<Cidr>, const policy::Service*>;
    std::vector<LearntService> services;
    std::map<Group, std::size_t> groups;
    std::set<std::string> taken;
    for (const auto& port : ports) {
        const auto base = base_name(port);
        const auto from = from_of(port.sources);
        const auto* limit = limited_by(in_force, port);
        const Group group{base.empty() ? std::to_string(port.port_host) : base, port.zone, from,
                          limit};
        auto [place, fresh] = groups.try_emplace(group, services.size());
        if (fresh) {
            LearntService made;
            made.service.name = unique_name(base, port, taken);
            made.service.from = from;
            made.service.from_any = from.empty();
            for (const auto& prefix : from) made.service.from_text.push_back(prefix.to_string());
            if (in_force.zones.size() > 1) made.service.zones = {port.zone};
            if (limit != nullptr) made.service.limit = limit->limit;
            taken.insert(made.service.name);
            services.push_back(std::move(made));
        }
        auto& learnt = services[place->second];
        add_port(learnt.service, port);
        add_evidence(learnt.evidence, port.evidence);
    }
    return services;
}

}  // namespace portlid::learn
