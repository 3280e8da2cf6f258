// SPDX-License-Identifier: Apache-2.0
// The packet rows: frames, and what must be decided of each under one policy. The same table runs
// natively (unit), and through the loaded XDP and tc programs (bpf).
#pragma once

#include <string>
#include <vector>

#include "abi/maps.h"
#include "policy/simulate.hpp"
#include "support/packet.hpp"

namespace portlid::test {

// The zone enforces; everything a row needs is named here.
inline constexpr const char* kRowPolicy = R"(version: 1
mode: enforce
zones:
  public:
    interfaces: [eth0]
    default: drop
sets:
  office: [203.0.113.64/26, "2001:db8:77::/48"]
  spammers: [198.51.100.66]
deny: [spammers]
services:
  - { name: web, ports: [443/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: admin, ports: [9000/tcp], addresses: [192.0.2.2] }
  - { name: trial, ports: [8080/tcp], from: [office], mode: monitor }
icmp: { ping: allow }
protocols: [esp, 112]
failsafe:
  - { ports: [2222/tcp], from: [office, 198.51.100.66, 198.51.100.77] }
  - { ports: [443/tcp, 5353/udp], from: [office] }
routed: [172.30.0.0/16]
)";

inline constexpr const char* kOffice = "203.0.113.70";
inline constexpr const char* kDenied = "198.51.100.66";
inline constexpr const char* kBanned = "198.51.100.77";  // and 198.51.100.128/25
inline constexpr const char* kContainer = "172.17.0.2";
inline constexpr const char* kRouted = "172.30.0.5";
inline constexpr const char* kElsewhere = "198.18.0.1";

struct PacketRow {
    std::string sentence;
    Bytes frame;
    reason why;
    verdict_word verdict;
};

// Flows that this host opened before the rows run: DNS over UDP from port 30000, a TCP connection
// from 31000 to port 443, an echo with identifier 77; all to kElsewhere. IPv6 likewise.
inline std::vector<flow_key> row_flows() {
    const auto flow = [](const char* local, const char* remote, unsigned lport, unsigned rport,
                         unsigned protocol) {
        flow_key key{};
        key.local = IpAddress::parse(local)->to_bytes();
        key.remote = IpAddress::parse(remote)->to_bytes();
        key.local_port_host = static_cast<std::uint16_t>(lport);
        key.remote_port_host = static_cast<std::uint16_t>(rport);
        key.protocol = static_cast<std::uint8_t>(protocol);
        return key;
    };
    return {
        flow(kHostV4, kElsewhere, 30000, 53, 17),      flow(kHostV4, kElsewhere, 31000, 443, 6),
        flow(kHostV4, kBanned, 30000, 53, 17),         flow(kHostV4, kElsewhere, 77, 0, 1),
        flow(kHostV6, "2001:db8:2::1", 30000, 53, 17), flow(kHostV6, "2001:db8:2::1", 77, 0, 58)};
}

// TCP flows that were open when the zone began to enforce: from port 50000 of a stranger, of
// kDenied and of kBanned to the closed port 5432, and of a stranger to 8080 (monitored service).
std::vector<flow_key> row_existing();

inline std::uint64_t host_mac() {
    std::uint64_t mac = 0;
    for (std::size_t i = 0; i < kHostMac.size(); ++i)
        mac |= static_cast<std::uint64_t>(kHostMac[i]) << (8 * i);
    return mac;
}

// Own: kHostV4, 192.0.2.2, kHostV6, fe80::1. On link: 192.0.2.0/24, 2001:db8::/64, fe80::/64.
// Containers: 172.17.0.0/16, and 172.30.0.0/16, which the policy routes. Bans: see kBanned.
policy::HostTables row_tables();
std::vector<PacketRow> packet_rows();

}  // namespace portlid::test
