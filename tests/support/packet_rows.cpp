// SPDX-License-Identifier: Apache-2.0
#include "support/packet_rows.hpp"

namespace portlid::test {

namespace {

using Rows = std::vector<PacketRow>;

Bytes v4(std::uint8_t protocol, const Bytes& transport, const std::string& from = kStrangerV4,
         const std::string& to = kHostV4) {
    return Ethernet{}(Ipv4{.source = from, .destination = to, .protocol = protocol}(transport));
}

Bytes v6(std::uint8_t next, const Bytes& payload, std::uint8_t hop_limit = 64,
         const std::string& from = kStrangerV6) {
    return Ethernet{}(Ipv6{.source = from, .next = next, .hop_limit = hop_limit}(payload));
}

Bytes tcp_with(unsigned flags, unsigned port) {
    return v4(6, tcp(40000, port, flags));
}

void add_ports(Rows& rows) {
    rows.push_back(
        {"a SYN to a port no service names", syn_v4(5432), REASON_no_service, VERDICT_drop});
    rows.push_back({"the same over IPv6", syn_v6(5432), REASON_no_service, VERDICT_drop});
    rows.push_back({"a SYN to an open port", syn_v4(443), REASON_allowed, VERDICT_allow});
    rows.push_back({"the same over IPv6", syn_v6(443), REASON_allowed, VERDICT_allow});
    rows.push_back({"one port below", syn_v4(442), REASON_no_service, VERDICT_drop});
    rows.push_back({"one port above", syn_v4(444), REASON_no_service, VERDICT_drop});
    rows.push_back({"port 0", syn_v4(0), REASON_no_service, VERDICT_drop});
    rows.push_back({"port 65535", syn_v4(65535), REASON_no_service, VERDICT_drop});
    rows.push_back({"UDP to an open port", udp_v4(5000, 443), REASON_allowed, VERDICT_allow});
    rows.push_back(
        {"UDP to a port open for TCP only", udp_v4(5000, 22), REASON_no_service, VERDICT_drop});
    rows.push_back({"a listed source", syn_v4(22, kOffice), REASON_allowed, VERDICT_allow});
    rows.push_back(
        {"a listed IPv6 source", syn_v6(22, "2001:db8:77::5"), REASON_allowed, VERDICT_allow});
    rows.push_back({"one address below the listed prefix", syn_v4(22, "203.0.113.63"),
                    REASON_source_not_allowed, VERDICT_drop});
    rows.push_back({"one address above it", syn_v4(22, "203.0.113.128"), REASON_source_not_allowed,
                    VERDICT_drop});
    rows.push_back(
        {"an unlisted IPv6 source", syn_v6(22), REASON_source_not_allowed, VERDICT_drop});
    rows.push_back({"the address a service names", syn_v4(9000, kStrangerV4, "192.0.2.2"),
                    REASON_allowed, VERDICT_allow});
    rows.push_back(
        {"another own address than it names", syn_v4(9000), REASON_no_service, VERDICT_drop});
    rows.push_back(
        {"a service in monitor mode", syn_v4(8080), REASON_source_not_allowed, VERDICT_would_drop});
    rows.push_back(
        {"a denied source at an open port", syn_v4(443, kDenied), REASON_denied, VERDICT_drop});
    rows.push_back({"a denied source at a monitored port", syn_v4(8080, kDenied), REASON_denied,
                    VERDICT_drop});
    rows.push_back({"a denied source at the failsafe port", syn_v4(2222, kDenied), REASON_failsafe,
                    VERDICT_allow});
    rows.push_back({"a failsafe port that a service opens too", syn_v4(443, kOffice),
                    REASON_failsafe, VERDICT_allow});
    rows.push_back({"the same at a routed container, where no failsafe counts",
                    syn_v4(443, kOffice, kRouted), REASON_allowed, VERDICT_allow});
    rows.push_back({"a failsafe port at a multicast address",
                    udp_v4(5353, 5353, kOffice, "224.0.0.251"), REASON_no_service, VERDICT_drop});
    rows.push_back(
        {"the same at our own", udp_v4(5353, 5353, kOffice), REASON_failsafe, VERDICT_allow});
    rows.push_back(
        {"the failsafe port from elsewhere", syn_v4(2222), REASON_no_service, VERDICT_drop});
}

void add_bans(Rows& rows) {
    rows.push_back(
        {"a banned source at an open port", syn_v4(443, kBanned), REASON_banned, VERDICT_drop});
    rows.push_back({"a source in a banned prefix", syn_v4(443, "198.51.100.200"), REASON_banned,
                    VERDICT_drop});
    rows.push_back({"one address below the banned prefix", syn_v4(443, "198.51.100.127"),
                    REASON_allowed, VERDICT_allow});
    rows.push_back({"a banned source at the failsafe port", syn_v4(2222, kBanned), REASON_failsafe,
                    VERDICT_allow});
    rows.push_back({"a banned source at a monitored port", syn_v4(8080, kBanned), REASON_banned,
                    VERDICT_drop});
    rows.push_back(
        {"a banned source's ping", v4(1, icmp(8), kBanned), REASON_banned, VERDICT_drop});
    rows.push_back(
        {"a banned source's ESP", v4(50, Bytes(24, 1), kBanned), REASON_banned, VERDICT_drop});
    rows.push_back({"a banned source that answers our question", udp_v4(53, 30000, kBanned),
                    REASON_reply, VERDICT_allow});
    rows.push_back({"an ACK of a banned source to an open port",
                    v4(6, tcp(40000, 443, kAck), kBanned), REASON_banned, VERDICT_drop});
}

void add_existing(Rows& rows) {
    const auto segment = [](unsigned flags, const char* from, unsigned port = 5432) {
        return v4(6, tcp(50000, port, flags), from);
    };
    for (const unsigned flags :
         {unsigned{kAck}, unsigned{kAck | kPsh}, unsigned{kAck | kFin}, unsigned{kRst}})
        rows.push_back({"flags " + std::to_string(flags) + " of a flow that was open before",
                        segment(flags, kStrangerV4), REASON_grandfathered, VERDICT_allow});
    rows.push_back(
        {"the same over IPv6", v6(6, tcp(50000, 5432, kAck)), REASON_grandfathered, VERDICT_allow});
    for (const unsigned flags : {unsigned{kSyn}, unsigned{kSyn | kAck}, unsigned{kSyn | kFin}})
        rows.push_back({"flags " + std::to_string(flags) + " on the tuple of such a flow",
                        segment(flags, kStrangerV4), REASON_no_service, VERDICT_drop});
    rows.push_back({"UDP on its tuple", udp_v4(50000, 5432), REASON_no_service, VERDICT_drop});
    rows.push_back({"an ACK from the port next to it", v4(6, tcp(50001, 5432, kAck)),
                    REASON_no_service, VERDICT_drop});
    rows.push_back(
        {"an open flow of a denied source", segment(kAck, kDenied), REASON_denied, VERDICT_drop});
    rows.push_back(
        {"an open flow of a banned source", segment(kAck, kBanned), REASON_banned, VERDICT_drop});
    rows.push_back({"an open flow to a port that is only monitored",
                    segment(kAck, kStrangerV4, 8080), REASON_source_not_allowed,
                    VERDICT_would_drop});
}

void add_flags(Rows& rows) {
    const struct {
        const char* name;
        unsigned flags;
    } kinds[] = {{"ACK", kAck},
                 {"FIN", kFin},
                 {"NULL", 0},
                 {"Xmas", kFin | kPsh | kUrg},
                 {"SYN+FIN", kSyn | kFin},
                 {"SYN+RST", kSyn | kRst},
                 {"RST", kRst},
                 {"SYN+ACK", kSyn | kAck}};
    for (const auto& kind : kinds)
        rows.push_back({std::string(kind.name) + " to a closed port", tcp_with(kind.flags, 5432),
                        REASON_no_service, VERDICT_drop});
    rows.push_back({"ACK to an open port", tcp_with(kAck, 443), REASON_allowed, VERDICT_allow});
    rows.push_back({"SYN with data (fast open) to a closed port",
                    v4(6, tcp(40000, 5432, kSyn, Bytes(100, 7))), REASON_no_service, VERDICT_drop});
}

void add_replies(Rows& rows) {
    rows.push_back(
        {"an answer to our DNS query", udp_v4(53, 30000, kElsewhere), REASON_reply, VERDICT_allow});
    rows.push_back(
        {"the same over IPv6", udp_v6(53, 30000, "2001:db8:2::1"), REASON_reply, VERDICT_allow});
    rows.push_back({"an answer from another port", udp_v4(54, 30000, kElsewhere), REASON_no_service,
                    VERDICT_drop});
    rows.push_back(
        {"an answer from another address", udp_v4(53, 30000), REASON_no_service, VERDICT_drop});
    rows.push_back({"SYN+ACK of our connection", v4(6, tcp(443, 31000, kSyn | kAck), kElsewhere),
                    REASON_reply, VERDICT_allow});
    rows.push_back({"RST of our connection", v4(6, tcp(443, 31000, kRst), kElsewhere), REASON_reply,
                    VERDICT_allow});
    rows.push_back({"a SYN on the tuple of our connection",
                    v4(6, tcp(443, 31000, kSyn), kElsewhere), REASON_no_service, VERDICT_drop});
    rows.push_back({"an echo reply we asked for", v4(1, icmp(0, 0, 77), kElsewhere), REASON_reply,
                    VERDICT_allow});
    rows.push_back({"an echo reply we did not ask for", v4(1, icmp(0, 0, 78), kElsewhere),
                    REASON_protocol_denied, VERDICT_drop});
    rows.push_back({"an IPv6 echo reply we asked for",
                    v6(58, icmp(129, 0, 77), 64, "2001:db8:2::1"), REASON_reply, VERDICT_allow});
}

void add_destinations(Rows& rows) {
    rows.push_back({"straight to a container", syn_v4(80, kStrangerV4, kContainer),
                    REASON_direct_to_container, VERDICT_drop});
    rows.push_back({"straight to a container at an open port", syn_v4(443, kStrangerV4, kContainer),
                    REASON_direct_to_container, VERDICT_drop});
    rows.push_back({"to a routed container at an open port", syn_v4(443, kStrangerV4, kRouted),
                    REASON_allowed, VERDICT_allow});
    rows.push_back({"to a routed container at a closed port", syn_v4(80, kStrangerV4, kRouted),
                    REASON_no_service, VERDICT_drop});
    rows.push_back({"to somebody beyond us", syn_v4(80, kStrangerV4, kElsewhere), REASON_transit,
                    VERDICT_allow});
    rows.push_back({"to an unknown address of our prefix, our station",
                    syn_v4(80, kStrangerV4, "192.0.2.200"), REASON_no_service, VERDICT_drop});
    rows.push_back({"to an unknown address of our prefix, another station (a VM)",
                    Ethernet{.destination = {2, 0, 0, 0, 0, 0x55}}(
                        Ipv4{.destination = "192.0.2.200"}(tcp(40000, 80))),
                    REASON_transit, VERDICT_allow});
    rows.push_back({"to our own address at another station",
                    Ethernet{.destination = {2, 0, 0, 0, 0, 0x55}}(Ipv4{}(tcp(40000, 80))),
                    REASON_no_service, VERDICT_drop});
    rows.push_back({"a limited broadcast", udp_v4(137, 137, kStrangerV4, "255.255.255.255"),
                    REASON_no_service, VERDICT_drop});
    rows.push_back({"the limited broadcast's old form, which Linux delivers",
                    udp_v4(40000, 5000, "0.0.0.0", "0.0.0.0"), REASON_no_service, VERDICT_drop});
    rows.push_back({"the subnet's broadcast", udp_v4(137, 137, kStrangerV4, "192.0.2.255"),
                    REASON_no_service, VERDICT_drop});
    rows.push_back(
        {"mDNS", udp_v4(5353, 5353, kStrangerV4, "224.0.0.251"), REASON_no_service, VERDICT_drop});
}

void add_martians(Rows& rows) {
    rows.push_back({"a source in 127/8", syn_v4(443, "127.0.0.1"), REASON_martian, VERDICT_drop});
    rows.push_back({"a destination in 127/8", syn_v4(443, kStrangerV4, "127.0.0.1"), REASON_martian,
                    VERDICT_drop});
    rows.push_back(
        {"our own address as source", syn_v4(443, kHostV4), REASON_martian, VERDICT_drop});
    rows.push_back({"a multicast source", syn_v4(443, "224.0.0.1"), REASON_martian, VERDICT_drop});
    rows.push_back(
        {"a broadcast source", syn_v4(443, "255.255.255.255"), REASON_martian, VERDICT_drop});
    rows.push_back({"source ::1", syn_v6(443, "::1"), REASON_martian, VERDICT_drop});
    rows.push_back(
        {"destination ::1", syn_v6(443, kStrangerV6, "::1"), REASON_martian, VERDICT_drop});
    rows.push_back(
        {"our own IPv6 address as source", syn_v6(443, kHostV6), REASON_martian, VERDICT_drop});
    rows.push_back(
        {"an IPv6 multicast source", syn_v6(443, "ff02::1"), REASON_martian, VERDICT_drop});
    rows.push_back({"an IPv4-mapped source in an IPv6 packet", syn_v6(443, "::ffff:203.0.113.70"),
                    REASON_martian, VERDICT_drop});
}

void add_essential(Rows& rows) {
    for (unsigned type = 133; type <= 137; ++type) {
        rows.push_back({"ND type " + std::to_string(type) + " with hop limit 255",
                        v6(58, icmp(type), 255, "fe80::9"), REASON_essential, VERDICT_allow});
        rows.push_back({"ND type " + std::to_string(type) + " from afar",
                        v6(58, icmp(type), 254, "fe80::9"), REASON_protocol_denied, VERDICT_drop});
    }
    for (const unsigned type : {130U, 131U, 132U, 143U})
        rows.push_back({"MLD type " + std::to_string(type), v6(58, icmp(type), 1, "fe80::9"),
                        REASON_essential, VERDICT_allow});
    rows.push_back(
        {"MLD behind a hop-by-hop header",
         Ethernet{}(Ipv6{.source = "fe80::9", .destination = "ff02::16", .next = 0, .hop_limit = 1}(
             extension(58, icmp(143)))),
         REASON_essential, VERDICT_allow});
    rows.push_back({"IGMP", v4(2, Bytes(8, 0x11)), REASON_essential, VERDICT_allow});
    rows.push_back({"a DHCP server's answer", udp_v4(67, 68, "192.0.2.254", "255.255.255.255"),
                    REASON_essential, VERDICT_allow});
    rows.push_back({"a DHCPv6 server's answer", udp_v6(547, 546, "fe80::9", "fe80::1"),
                    REASON_essential, VERDICT_allow});
    rows.push_back({"DHCPv6 from afar", udp_v6(547, 546, kStrangerV6, "fe80::1"), REASON_no_service,
                    VERDICT_drop});
    rows.push_back({"a DHCP client's question", udp_v4(68, 67), REASON_no_service, VERDICT_drop});
}

Bytes quoted(const std::string& from, const std::string& to, std::uint8_t protocol,
             const Bytes& transport) {
    return Ipv4{.source = from, .destination = to, .protocol = protocol}(transport);
}

void add_icmp(Rows& rows) {
    rows.push_back({"ping", v4(1, icmp(8)), REASON_ping, VERDICT_allow});
    rows.push_back({"ping over IPv6", v6(58, icmp(128)), REASON_ping, VERDICT_allow});
    rows.push_back(
        {"ping from a denied source", v4(1, icmp(8), kDenied), REASON_denied, VERDICT_drop});
    rows.push_back({"frag-needed about our flow",
                    v4(1, icmp(3, 4, 0, quoted(kHostV4, kElsewhere, 17, udp(30000, 53)))),
                    REASON_essential, VERDICT_allow});
    rows.push_back({"frag-needed about an answer of an open port",
                    v4(1, icmp(3, 4, 0, quoted(kHostV4, kStrangerV4, 6, tcp(443, 5555)))),
                    REASON_essential, VERDICT_allow});
    rows.push_back({"time exceeded about nothing we know",
                    v4(1, icmp(11, 0, 0, quoted(kHostV4, kStrangerV4, 6, tcp(1, 2)))),
                    REASON_essential, VERDICT_allow});  // within the budget
    rows.push_back(
        {"an ICMP error that quotes nothing", v4(1, icmp(3, 1)), REASON_essential, VERDICT_allow});
    rows.push_back({"an ICMP redirect", v4(1, icmp(5)), REASON_protocol_denied, VERDICT_drop});
    rows.push_back({"a timestamp request", v4(1, icmp(13)), REASON_protocol_denied, VERDICT_drop});
}

void add_protocols(Rows& rows) {
    rows.push_back({"ESP, listed", v4(50, Bytes(24, 1)), REASON_protocol, VERDICT_allow});
    rows.push_back(
        {"VRRP, listed by number", v4(112, Bytes(24, 1)), REASON_protocol, VERDICT_allow});
    rows.push_back({"GRE, not listed", v4(47, Bytes(24, 1)), REASON_protocol_denied, VERDICT_drop});
    rows.push_back(
        {"SCTP, not listed", v4(132, Bytes(24, 1)), REASON_protocol_denied, VERDICT_drop});
    rows.push_back({"ESP over IPv6", v6(50, Bytes(24, 1)), REASON_protocol, VERDICT_allow});
    rows.push_back({"no next header", v6(59, {}), REASON_protocol_denied, VERDICT_drop});
}

void add_not_ip(Rows& rows) {
    for (const unsigned type : {0x0806U, 0x88ccU, 0x8809U, 0x888eU, 0x88f7U})
        rows.push_back({"ethertype " + std::to_string(type),
                        Ethernet{.ethertype = type}(Bytes(46, 0)), REASON_not_ip, VERDICT_allow});
    rows.push_back(
        {"802.3 LLC", Ethernet{.ethertype = 38}(Bytes(46, 0x42)), REASON_not_ip, VERDICT_allow});
}

void add_vlans(Rows& rows) {
    const auto packet = Ipv4{}(tcp(40000, 5432));
    rows.push_back({"one VLAN tag, closed port", Ethernet{.vlans = {5}}(packet), REASON_no_service,
                    VERDICT_drop});
    rows.push_back({"one VLAN tag, open port", Ethernet{.vlans = {5}}(Ipv4{}(tcp(40000, 443))),
                    REASON_allowed, VERDICT_allow});
    rows.push_back(
        {"two VLAN tags", Ethernet{.vlans = {5, 6}}(packet), REASON_no_service, VERDICT_drop});
    rows.push_back(
        {"three VLAN tags", Ethernet{.vlans = {5, 6, 7}}(packet), REASON_malformed, VERDICT_drop});
    rows.push_back({"two VLAN tags, IPv6", Ethernet{.vlans = {5, 6}}(Ipv6{}(tcp(40000, 443))),
                    REASON_allowed, VERDICT_allow});
}

void add_options_and_lies(Rows& rows) {
    for (unsigned length = 4; length <= 40; length += 4) {
        Bytes options(length, 1);
        options[2] = 0;
        options[3] = 22;  // a fake destination port where a fixed 20-byte parse would look
        rows.push_back({std::to_string(length) + " bytes of options, closed port",
                        Ethernet{}(Ipv4{.options = options}(tcp(40000, 5432))), REASON_no_service,
                        VERDICT_drop});
        rows.push_back({std::to_string(length) + " bytes of options, open port",
                        Ethernet{}(Ipv4{.options = options}(tcp(40000, 443))), REASON_allowed,
                        VERDICT_allow});
    }
    const auto lie = [&](const char* sentence, const Ipv4& header, const Bytes& transport) {
        rows.push_back({sentence, Ethernet{}(header(transport)), REASON_malformed, VERDICT_drop});
    };
    lie("a header shorter than 20 bytes", {.version_ihl = 0x44}, tcp(1, 443));
    lie("IP version 5", {.version_ihl = 0x55}, tcp(1, 443));
    lie("a total length beyond the frame", {.total_length_lie = 1}, tcp(1, 443));
    lie("a total length that cuts the TCP header", {.total_length_lie = -1}, tcp(1, 443));
    lie("TCP only in the padding", {.total_length_lie = -20}, tcp(1, 443));
    lie("half a UDP header", {.protocol = 17}, Bytes{1, 2, 3, 4});
    lie("an ICMP header cut short", {.protocol = 1}, Bytes{8, 0, 0, 0});
    Bytes lying = tcp(1, 443);
    lying[12] = 0xf0;
    lie("a TCP header longer than the packet", {}, lying);
    lying[12] = 0x40;
    lie("a TCP header shorter than 20 bytes", {}, lying);
    Bytes datagram = udp(1, 443);
    datagram[5] = 7;
    lie("a UDP length below 8", {.protocol = 17}, datagram);
    datagram[5] = 200;
    lie("a UDP length beyond the packet", {.protocol = 17}, datagram);
    rows.push_back({"padding behind the packet is no lie",
                    [] {
                        auto frame = Ethernet{}(Ipv4{}(tcp(1, 443)));
                        frame.insert(frame.end(), 6, 0);
                        return frame;
                    }(),
                    REASON_allowed, VERDICT_allow});
    rows.push_back({"an IPv6 payload length beyond the frame",
                    Ethernet{}(Ipv6{.payload_length_lie = 1}(tcp(1, 443))), REASON_malformed,
                    VERDICT_drop});
    rows.push_back({"an IPv6 packet whose TCP is only padding",
                    Ethernet{}(Ipv6{.payload_length_lie = -20}(tcp(1, 443))), REASON_malformed,
                    VERDICT_drop});
    rows.push_back({"an Ethernet header with nothing behind", Ethernet{.ethertype = 0x0800}({}),
                    REASON_malformed, VERDICT_drop});
}

void add_extensions(Rows& rows) {
    const auto closed = tcp(40000, 5432);
    for (const unsigned kind : {0U, 43U, 60U, 135U, 139U, 140U})
        rows.push_back({"behind extension header " + std::to_string(kind),
                        v6(static_cast<std::uint8_t>(kind), extension(6, closed, 1)),
                        REASON_no_service, VERDICT_drop});
    Bytes authentication{6, 4};
    authentication.insert(authentication.end(), 22, 0);
    append(authentication, tcp(40000, 443));
    rows.push_back(
        {"behind an authentication header", v6(51, authentication), REASON_allowed, VERDICT_allow});
    Bytes eight = tcp(40000, 443);
    for (int i = 0; i < 8; ++i) eight = extension(i == 0 ? 6 : 60, eight);
    rows.push_back({"eight extension headers", v6(60, eight), REASON_allowed, VERDICT_allow});
    rows.push_back(
        {"nine extension headers", v6(60, extension(60, eight)), REASON_malformed, VERDICT_drop});
    rows.push_back({"a chain that runs out of the packet", v6(60, Bytes{6, 9, 0, 0, 0, 0, 0, 0}),
                    REASON_malformed, VERDICT_drop});
    rows.push_back({"HBH, DstOpt, Fragment, TCP to a closed port",
                    v6(0, extension(60, extension(44, fragment_header(6, 0, true, closed)))),
                    REASON_no_service, VERDICT_drop});
    rows.push_back({"a first fragment without the transport header",
                    v6(44, fragment_header(6, 0, true, Bytes(8, 0))), REASON_malformed,
                    VERDICT_drop});
    rows.push_back({"a first fragment that holds only extension headers",
                    v6(44, fragment_header(60, 0, true, extension(6, {}))), REASON_malformed,
                    VERDICT_drop});
}

void add_fragments(Rows& rows) {
    const auto with = [](unsigned bits, const Bytes& payload, std::uint8_t protocol = 6) {
        return Ethernet{}(Ipv4{.protocol = protocol, .fragment_bits = bits}(payload));
    };
    rows.push_back({"a first fragment to a closed port", with(0x2000, tcp(40000, 5432)),
                    REASON_no_service, VERDICT_drop});
    rows.push_back({"a first fragment to an open port",
                    with(0x2000, udp(5000, 443, Bytes(32, 0)), 17), REASON_allowed, VERDICT_allow});
    rows.push_back({"a later fragment with fake ports", with(100, tcp(40000, 5432)),
                    REASON_fragment, VERDICT_allow});
    rows.push_back(
        {"a TCP fragment at offset 1", with(1, Bytes(16, 0)), REASON_malformed, VERDICT_drop});
    rows.push_back(
        {"a first fragment of 8 bytes", with(0x2000, Bytes(8, 0)), REASON_malformed, VERDICT_drop});
    rows.push_back({"a later IPv6 fragment", v6(44, fragment_header(6, 1480, false, Bytes(8, 0))),
                    REASON_fragment, VERDICT_allow});
    rows.push_back({"an atomic IPv6 fragment to a closed port",
                    v6(44, fragment_header(6, 0, false, tcp(40000, 5432))), REASON_no_service,
                    VERDICT_drop});
}

}  // namespace

std::vector<flow_key> row_existing() {
    const auto flow = [](const char* local, const char* remote, unsigned port) {
        flow_key key{};
        key.local = IpAddress::parse(local)->to_bytes();
        key.remote = IpAddress::parse(remote)->to_bytes();
        key.local_port_host = static_cast<std::uint16_t>(port);
        key.remote_port_host = 50000;
        key.protocol = 6;
        return key;
    };
    return {flow(kHostV4, kStrangerV4, 5432), flow(kHostV4, kDenied, 5432),
            flow(kHostV4, kBanned, 5432), flow(kHostV4, kStrangerV4, 8080),
            flow(kHostV6, kStrangerV6, 5432)};
}

policy::HostTables row_tables() {
    policy::HostTables tables;
    for (const char* own : {kHostV4, "192.0.2.2", kHostV6, "fe80::1"})
        tables.own.insert(*IpAddress::parse(own));
    const std::pair<const char*, std::uint32_t> networks[] = {
        {"192.0.2.0/24", NETWORK_CONNECTED},  {"2001:db8::/64", NETWORK_CONNECTED},
        {"fe80::/64", NETWORK_CONNECTED},     {"192.0.2.255/32", NETWORK_BROADCAST},
        {"172.17.0.0/16", NETWORK_CONTAINER}, {"172.30.0.0/16", NETWORK_ROUTED}};
    for (const auto& [prefix, kind] : networks) tables.networks[*Cidr::parse(prefix)] = kind;
    tables.flows = row_flows();
    tables.bans[*Cidr::parse(kBanned)] = BAN_FOR_EVER;
    tables.bans[*Cidr::parse("198.51.100.128/25")] = BAN_FOR_EVER;
    for (const auto& key : row_existing()) tables.existing.emplace_back(key, existing_flow{1});
    return tables;
}

std::vector<PacketRow> packet_rows() {
    Rows rows;
    add_ports(rows);
    add_bans(rows);
    add_existing(rows);
    add_flags(rows);
    add_replies(rows);
    add_destinations(rows);
    add_martians(rows);
    add_essential(rows);
    add_icmp(rows);
    add_protocols(rows);
    add_not_ip(rows);
    add_vlans(rows);
    add_options_and_lies(rows);
    add_extensions(rows);
    add_fragments(rows);
    return rows;
}

}  // namespace portlid::test
