// SPDX-License-Identifier: Apache-2.0
#include "rollout/lifelines.hpp"

#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <sstream>

#include "policy/simulate.hpp"

namespace portlid::rollout {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr HostPort kDns{53};
constexpr HostPort kQueryPort{50000};
constexpr std::size_t kTcpFlagsOffset = 13;
constexpr std::uint8_t kSynAck = 0x12;
constexpr std::uint8_t kNeighbourHops = 255;

void put_port(Bytes& packet, std::size_t at, HostPort port) {
    packet[at] = static_cast<std::uint8_t>(port.value >> 8U);
    packet[at + 1] = static_cast<std::uint8_t>(port.value & 0xffU);
}

Bytes answer(std::uint8_t protocol, const IpAddress& from, HostPort from_port, const IpAddress& to,
             HostPort to_port) {
    auto packet = policy::probe_packet({0, protocol, from, to, to_port});
    const auto ports = policy::ports_offset(from.family());
    put_port(packet, ports, from_port);
    if (protocol == IPPROTO_TCP) packet[ports + kTcpFlagsOffset] = kSynAck;
    return packet;
}

flow_key asked(std::uint8_t protocol, const IpAddress& own, const IpAddress& server) {
    flow_key key{};
    key.local = own.to_bytes();
    key.remote = server.to_bytes();
    key.local_port_host = kQueryPort.value;
    key.remote_port_host = kDns.value;
    key.protocol = protocol;
    return key;
}

// The first own address that can talk to `peer`: of its family, link-local to link-local only.
const IpAddress* own_for(const Uplink& uplink, const IpAddress& peer) {
    const auto fits = [&](const IpAddress& own) {
        return own.family() == peer.family() && own.is_link_local() == peer.is_link_local();
    };
    const auto found = std::find_if(uplink.own.begin(), uplink.own.end(), fits);
    return found == uplink.own.end() ? nullptr : &*found;
}

void add_dns(std::vector<Lifeline>& list, const Uplink& uplink, const IpAddress& server) {
    const auto* own = own_for(uplink, server);
    if (own == nullptr) return;
    for (const auto protocol : {std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP}}) {
        const char* word = protocol == IPPROTO_UDP ? "udp" : "tcp";
        Lifeline line;
        line.what =
            fmt::format("DNS answers ({}) of {} to {}", word, server.to_string(), own->to_string());
        line.rule =
            fmt::format("services: [{{ name: dns-{0}, ports: [1024-65535/{0}], from: [\"{1}\"] }}]",
                        word, server.to_string());
        line.zone = uplink.zone;
        line.packet = answer(protocol, server, kDns, *own, kQueryPort);
        if (uplink.replies_told) line.flows.push_back(asked(protocol, *own, server));
        list.push_back(std::move(line));
    }
}

std::string monitor_rule(const Uplink& uplink) {
    return fmt::format("mode: monitor to zones.{}", uplink.zone_name);
}

// "I am here", without which IPv6 ends when the neighbour table forgets the gateway.
Bytes neighbour_advertisement(const IpAddress& gateway, const IpAddress& own) {
    auto packet = policy::probe_packet({0, IPPROTO_ICMPV6, gateway, own, {}});
    const auto at = policy::ports_offset(Family::IPv6);
    packet.resize(at + sizeof(nd_neighbor_advert));
    packet[5] = sizeof(nd_neighbor_advert);  // payload length
    packet[7] = kNeighbourHops;
    packet[at] = ND_NEIGHBOR_ADVERT;
    packet[at + 1] = 0;
    const auto target = gateway.to_bytes();
    std::copy(std::begin(target.bytes), std::end(target.bytes), packet.begin() + at + 8);
    return packet;
}

void add_gateway(std::vector<Lifeline>& list, const Uplink& uplink, const IpAddress& gateway) {
    const auto* own = own_for(uplink, gateway);
    if (own == nullptr) return;
    const bool v4 = gateway.family() == Family::IPv4;
    if (!v4) {
        Lifeline line{"neighbour advertisements of the gateway " + gateway.to_string(),
                      monitor_rule(uplink),
                      uplink.zone,
                      neighbour_advertisement(gateway, *own),
                      {}};
        list.push_back(std::move(line));
    }
    // A client of DHCPv6 is answered at its link-local address (RFC 8415, 16), and so from one.
    if (!v4 && !gateway.is_link_local()) return;
    const HostPort server{static_cast<std::uint16_t>(v4 ? 67 : 547)};
    const HostPort client{static_cast<std::uint16_t>(v4 ? 68 : 546)};
    Lifeline line;
    line.what = "DHCP answers of " + gateway.to_string();
    line.rule = fmt::format("failsafe: [{{ ports: [{}/udp], from: [\"{}\"] }}]", client.value,
                            gateway.to_string());
    line.zone = uplink.zone;
    line.packet = answer(IPPROTO_UDP, gateway, server, *own, client);
    list.push_back(std::move(line));
}

}  // namespace

std::vector<Lifeline> lifelines(const std::vector<Uplink>& uplinks,
                                const std::vector<IpAddress>& name_servers) {
    std::vector<Lifeline> list;
    for (const auto& uplink : uplinks) {
        for (const auto& gateway : uplink.gateways) add_gateway(list, uplink, gateway);
        for (const auto& server : name_servers) add_dns(list, uplink, server);
    }
    return list;
}

std::vector<IpAddress> name_servers_in(const std::string& resolv_conf) {
    std::vector<IpAddress> servers;
    std::istringstream lines(resolv_conf);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        if (!(words >> key >> value) || key != "nameserver") continue;
        const auto address = IpAddress::parse(value.substr(0, value.find('%')));
        if (address && !address->is_loopback()) servers.push_back(*address);
    }
    return servers;
}

}  // namespace portlid::rollout
