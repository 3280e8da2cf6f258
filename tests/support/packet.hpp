// SPDX-License-Identifier: Apache-2.0
// Composes frames for tests: a stranger's TCP SYN to this host unless a test says otherwise, so
// that each test shows only what matters to it. Addresses are from the documentation ranges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace portlid::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr const char* kHostV4 = "192.0.2.1";
inline constexpr const char* kHostV6 = "2001:db8::1";
inline constexpr const char* kStrangerV4 = "203.0.113.9";
inline constexpr const char* kStrangerV6 = "2001:db8:bad::9";

inline void put16(Bytes& out, unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
inline void append(Bytes& out, std::span<const std::uint8_t> more) {
    out.insert(out.end(), more.begin(), more.end());
}

enum TcpFlag : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32 };

// ---- transport headers, with a payload behind them ----------------------------------------------
inline Bytes tcp(unsigned source_port, unsigned destination_port, unsigned flags = kSyn,
                 const Bytes& payload = {}) {
    Bytes out;
    put16(out, source_port);
    put16(out, destination_port);
    out.insert(out.end(), 8, 0);
    out.push_back(0x50);
    out.push_back(static_cast<std::uint8_t>(flags));
    put16(out, 65535);
    out.insert(out.end(), 4, 0);
    append(out, payload);
    return out;
}
inline Bytes udp(unsigned source_port, unsigned destination_port, const Bytes& payload = {1, 2}) {
    Bytes out;
    put16(out, source_port);
    put16(out, destination_port);
    put16(out, static_cast<unsigned>(8 + payload.size()));
    put16(out, 0);
    append(out, payload);
    return out;
}
inline Bytes icmp(unsigned type, unsigned code = 0, unsigned id = 7, const Bytes& payload = {}) {
    Bytes out{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 0, 0};
    put16(out, id);
    put16(out, 1);
    append(out, payload);
    return out;
}

// ---- IP
// ------------------------------------------------------------------------------------------
struct Ipv4 {
    std::string source = kStrangerV4;
    std::string destination = kHostV4;
    std::uint8_t protocol = 6;
    Bytes options;               // padded to 4 bytes by the caller
    unsigned fragment_bits = 0;  // as in the header: flags and offset
    int total_length_lie = 0;    // added to the true total length
    std::uint8_t ttl = 64;
    unsigned version_ihl = 0;  // 0 = the true one

    [[nodiscard]] Bytes operator()(const Bytes& transport) const {
        const auto header = static_cast<unsigned>(20 + options.size());
        Bytes out{static_cast<std::uint8_t>(version_ihl != 0 ? version_ihl : 0x40 | header / 4), 0};
        put16(out, static_cast<unsigned>(static_cast<int>(header + transport.size()) +
                                         total_length_lie));
        put16(out, 1);
        put16(out, fragment_bits);
        out.push_back(ttl);
        out.push_back(protocol);
        put16(out, 0);
        append(out, std::span(IpAddress::parse(source)->bytes()).subspan(12));
        append(out, std::span(IpAddress::parse(destination)->bytes()).subspan(12));
        append(out, options);
        append(out, transport);
        return out;
    }
};

struct Ipv6 {
    std::string source = kStrangerV6;
    std::string destination = kHostV6;
    std::uint8_t next = 6;
    std::uint8_t hop_limit = 64;
    int payload_length_lie = 0;

    [[nodiscard]] Bytes operator()(const Bytes& payload) const {
        Bytes out{0x60, 0, 0, 0};
        put16(out, static_cast<unsigned>(static_cast<int>(payload.size()) + payload_length_lie));
        out.push_back(next);
        out.push_back(hop_limit);
        append(out, raw(source));
        append(out, raw(destination));
        append(out, payload);
        return out;
    }

private:
    // Not through IpAddress::parse alone: "::ffff:1.2.3.4" must stay the sixteen bytes it is.
    [[nodiscard]] static std::span<const std::uint8_t> raw(const std::string& text) {
        static thread_local IpAddress parsed;
        parsed = *IpAddress::parse(text);
        return parsed.bytes();
    }
};

// An extension header of 8 bytes (plus `more` times 8) that names the next one.
inline Bytes extension(unsigned next, const Bytes& behind, unsigned more = 0) {
    Bytes out{static_cast<std::uint8_t>(next), static_cast<std::uint8_t>(more)};
    out.insert(out.end(), 6 + more * 8, 0);
    append(out, behind);
    return out;
}
inline Bytes fragment_header(unsigned next, unsigned offset_bytes, bool more, const Bytes& behind) {
    Bytes out{static_cast<std::uint8_t>(next), 0};
    put16(out, offset_bytes | (more ? 1U : 0U));
    out.insert(out.end(), 4, 9);
    append(out, behind);
    return out;
}

// ---- link
// ----------------------------------------------------------------------------------------
inline constexpr std::array<std::uint8_t, 6> kHostMac{2, 0, 0, 0, 0, 1};
struct Ethernet {
    std::array<std::uint8_t, 6> destination = kHostMac;
    std::vector<unsigned> vlans;  // outermost first, tagged 802.1Q
    unsigned ethertype = 0;       // 0 = by the packet's version nibble

    [[nodiscard]] Bytes operator()(const Bytes& packet) const {
        Bytes out(destination.begin(), destination.end());
        append(out, std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 9});
        for (const unsigned vlan : vlans) {
            put16(out, 0x8100);
            put16(out, vlan);
        }
        const bool v6 = !packet.empty() && packet[0] >> 4 == 6;
        put16(out, ethertype != 0 ? ethertype : v6 ? 0x86dd : 0x0800);
        append(out, packet);
        return out;
    }
};

// ---- the common cases
// ----------------------------------------------------------------------------
inline Bytes syn_v4(unsigned port, const std::string& from = kStrangerV4,
                    const std::string& to = kHostV4) {
    return Ethernet{}(Ipv4{.source = from, .destination = to}(tcp(40000, port)));
}
inline Bytes syn_v6(unsigned port, const std::string& from = kStrangerV6,
                    const std::string& to = kHostV6) {
    return Ethernet{}(Ipv6{.source = from, .destination = to}(tcp(40000, port)));
}
inline Bytes udp_v4(unsigned from_port, unsigned port, const std::string& from = kStrangerV4,
                    const std::string& to = kHostV4) {
    return Ethernet{}(
        Ipv4{.source = from, .destination = to, .protocol = 17}(udp(from_port, port)));
}
inline Bytes udp_v6(unsigned from_port, unsigned port, const std::string& from = kStrangerV6,
                    const std::string& to = kHostV6) {
    return Ethernet{}(Ipv6{.source = from, .destination = to, .next = 17}(udp(from_port, port)));
}

}  // namespace portlid::test
