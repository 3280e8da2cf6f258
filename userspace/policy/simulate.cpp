// SPDX-License-Identifier: Apache-2.0
#include "policy/simulate.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <iterator>

// The pipeline is C for three compilers; its warnings are the BPF build's business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "lib/pipeline.h"
#pragma GCC diagnostic pop

namespace portlid::policy {

namespace {

constexpr std::uint16_t kProbeSourcePort = 40000;

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& out, unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_zeroes(Bytes& out, std::size_t count) {
    out.insert(out.end(), count, 0);
}

bool is_v4(const Probe& probe) {
    return probe.source.family() == Family::IPv4;
}

Bytes tcp_syn(HostPort port) {
    Bytes out;
    put16(out, kProbeSourcePort);
    put16(out, port.value);
    put_zeroes(out, 8);
    out.push_back(0x50);  // 20 bytes of header
    out.push_back(TCP_SYN);
    put_zeroes(out, 6);
    return out;
}

Bytes udp_datagram(HostPort port) {
    Bytes out;
    put16(out, kProbeSourcePort);
    put16(out, port.value);
    put16(out, 8);
    put16(out, 0);
    return out;
}

Bytes echo_request(bool v4) {
    Bytes out{static_cast<std::uint8_t>(v4 ? 8 : 128), 0};
    put_zeroes(out, 6);
    return out;
}

Bytes transport(const Probe& probe) {
    switch (probe.protocol) {
        case IPPROTO_TCP:
            return tcp_syn(probe.port);
        case IPPROTO_UDP:
            return udp_datagram(probe.port);
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
            return echo_request(is_v4(probe));
        default:
            return Bytes(8, 0);
    }
}

void put_address(Bytes& out, const IpAddress& address) {
    const auto first = address.bytes().begin() + (address.family() == Family::IPv4 ? 12 : 0);
    out.insert(out.end(), first, address.bytes().end());
}

Bytes ipv4_packet(const Probe& probe, const Bytes& payload) {
    Bytes out{0x45, 0};
    put16(out, static_cast<unsigned>(20 + payload.size()));
    put_zeroes(out, 4);
    out.insert(out.end(), {64, probe.protocol, 0, 0});
    put_address(out, probe.source);
    put_address(out, probe.destination);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

Bytes ipv6_packet(const Probe& probe, const Bytes& payload) {
    Bytes out{0x60, 0, 0, 0};
    put16(out, static_cast<unsigned>(payload.size()));
    out.insert(out.end(), {probe.protocol, 64});
    put_address(out, probe.source);
    put_address(out, probe.destination);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

std::vector<ip_bytes> own_addresses(const HostTables& tables) {
    std::vector<ip_bytes> own;
    std::transform(tables.own.begin(), tables.own.end(), std::back_inserter(own),
                   [](const IpAddress& address) { return address.to_bytes(); });
    return own;
}

std::vector<native_network> network_list(const HostTables& tables) {
    std::vector<native_network> networks;
    for (const auto& [prefix, kind] : tables.networks)
        networks.push_back({{prefix.mapped_bits(), prefix.address.to_bytes()}, kind});
    return networks;
}

port_slot_key slot_of(const IpAddress& address, HostPort port, std::uint8_t protocol, bool v6only) {
    return {address.to_bytes(), port.value, protocol, static_cast<__u8>(v6only ? 1 : 0)};
}

std::vector<native_holder> holder_list(const HeldPorts& held) {
    std::vector<native_holder> holders;
    for (const auto& one : held)
        holders.push_back({slot_of(one.address, one.port, one.protocol, one.v6only), one.owner});
    return holders;
}

std::vector<native_ban> ban_list(const HostTables& tables) {
    std::vector<native_ban> bans;
    for (const auto& [prefix, deadline] : tables.bans)
        bans.push_back({{prefix.mapped_bits(), prefix.address.to_bytes()}, deadline});
    return bans;
}

std::vector<native_existing> existing_list(const HostTables& tables) {
    std::vector<native_existing> flows;
    for (const auto& [key, flow] : tables.existing) flows.push_back({key, flow.seen_boot_ns});
    return flows;
}

// An own address of the family; one made up (RFC 2544, RFC 5180) when the host has none.
IpAddress some_own_address(HostTables& tables, Family family) {
    for (const auto& address : tables.own)
        if (address.family() == family) return address;
    const auto made_up = IpAddress::parse(family == Family::IPv4 ? "198.18.0.1" : "2001:2::1");
    tables.own.insert(*made_up);
    return *made_up;
}

}  // namespace

std::vector<std::uint8_t> probe_packet(const Probe& probe) {
    return is_v4(probe) ? ipv4_packet(probe, transport(probe))
                        : ipv6_packet(probe, transport(probe));
}

Judgement judge_frame(const CompiledPolicy& policy, const HostTables& tables, unsigned zone,
                      std::span<const std::uint8_t> bytes, bool layer3, std::uint64_t own_mac) {
    const auto own = own_addresses(tables);
    const auto networks = network_list(tables);
    const auto bans = ban_list(tables);
    const auto existing = existing_list(tables);
    native_tables native{};
    native.nodes = policy.nodes.data();
    native.own = own.data();
    native.networks = networks.data();
    native.flows = tables.flows.data();
    native.node_count = static_cast<__u32>(policy.nodes.size());
    native.own_count = static_cast<__u32>(own.size());
    native.network_count = static_cast<__u32>(networks.size());
    native.flow_count = static_cast<__u32>(tables.flows.size());
    native.bans = bans.data();
    native.ban_count = static_cast<__u32>(bans.size());
    native.existing = existing.data();
    native.existing_count = static_cast<__u32>(existing.size());
    const auto holders = holder_list(tables.held);
    native.holders = holders.data();
    native.holder_count = static_cast<__u32>(holders.size());
    if (tables.limits != nullptr) {
        native.limits = tables.limits->sets.data();
        native.hash_seed = tables.limits->seed;
    }
    native.now_boot_ns = tables.now_boot_ns;
    native.budget_left = 1;
    frame packet{};
    packet.bytes = bytes.data();
    packet.tables = &native;
    packet.length_bytes = static_cast<__u32>(bytes.size());
    packet.layer3 = layer3 ? 1 : 0;
    packet.own_mac = own_mac;
    packet_facts facts{};
    const auto judged = judge(&packet, policy.image.get(), zone, &facts);
    return {static_cast<verdict_word>(judged.verdict), static_cast<reason>(judged.reason),
            judged.rule};
}

bool owner_holds(const HeldPorts& held, std::uint64_t owner, std::uint8_t protocol,
                 const IpAddress& address, HostPort port) {
    const auto holders = holder_list(held);
    native_tables native{};
    native.holders = holders.data();
    native.holder_count = static_cast<__u32>(holders.size());
    frame packet{};
    packet.tables = &native;
    const auto slot = slot_of(address, port, protocol, false);
    return owner_holds_port(&packet, owner, &slot, 0) != 0;
}

Judgement judge_probe(const CompiledPolicy& policy, const HostTables& tables, const Probe& probe) {
    auto asked = probe;
    auto known = tables;
    if (asked.destination.is_any())
        asked.destination = some_own_address(known, asked.source.family());
    if (asked.destination.family() != asked.source.family()) return {};
    return judge_frame(policy, known, asked.zone, probe_packet(asked), true);
}

}  // namespace portlid::policy
