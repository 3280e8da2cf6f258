// SPDX-License-Identifier: Apache-2.0
// What a frame says, read a second time: slowly, obviously, and with no line in common with
// bpf/lib/packet.h. Written from the RFCs, contract §3 rows 1 to 4 and bpf/README.md; it is what
// the shipped parser is compared with.
//
// Sources: IEEE 802.1Q (tags), RFC 791 (IPv4), RFC 8200 (IPv6 and its extension headers), RFC 7112
// (a first fragment holds the whole chain), RFC 1858 and 3128 (tiny fragments), RFC 9293 (TCP),
// RFC 768 (UDP), RFC 792 and 4443 (ICMP and what its errors quote).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace portlid::test {

// The packet that an ICMP error quotes; it was sent by us, so `local` is its source.
struct QuotedPacket {
    IpAddress local;
    IpAddress remote;
    unsigned protocol = 0;
    unsigned local_port = 0;  // TCP, UDP: host order; ICMP echo: the identifier
    unsigned remote_port = 0;
};

struct ParsedFrame {
    enum class Status { NotIp, Malformed, Good };
    enum class Fragment { None, First, Later };

    Status status = Status::Good;
    bool other_station = false;  // unicast to a link-layer address that is not the interface's
    Family family = Family::IPv4;
    IpAddress source;
    IpAddress destination;
    bool mapped_source = false;  // ::ffff:a.b.c.d inside an IPv6 header
    bool mapped_destination = false;
    unsigned hop_limit = 0;
    unsigned protocol = 0;  // after IPv6 extension headers
    Fragment fragment = Fragment::None;
    // Below: only when the transport header is there (not in a later fragment).
    unsigned source_port = 0;
    unsigned destination_port = 0;
    bool syn = false;
    bool ack = false;
    unsigned icmp_type = 0;
    unsigned icmp_id = 0;                // echo request and reply
    std::optional<QuotedPacket> quoted;  // of an ICMP error; none when it cannot be read

    [[nodiscard]] bool v4() const { return family == Family::IPv4; }
    [[nodiscard]] bool tcp() const { return protocol == 6; }
    [[nodiscard]] bool udp() const { return protocol == 17; }
    [[nodiscard]] bool icmp() const { return protocol == (v4() ? 1U : 58U); }
    [[nodiscard]] bool later() const { return fragment == Fragment::Later; }
    [[nodiscard]] bool echo_request() const { return icmp() && icmp_type == (v4() ? 8U : 128U); }
    [[nodiscard]] bool echo_reply() const { return icmp() && icmp_type == (v4() ? 0U : 129U); }
    [[nodiscard]] bool icmp_error() const {
        if (v4()) return icmp() && (icmp_type == 3 || icmp_type == 11 || icmp_type == 12);
        return icmp() && icmp_type >= 1 && icmp_type <= 4;
    }
};

// How the bytes came to us.
struct Wire {
    bool layer3 = false;                    // they begin with the IP header
    bool tag_taken_off = false;             // the NIC removed one VLAN tag
    std::array<std::uint8_t, 6> own_mac{};  // all zero = every station is ours
};
[[nodiscard]] ParsedFrame parse_slowly(std::span<const std::uint8_t> frame, const Wire& wire);

}  // namespace portlid::test
