// SPDX-License-Identifier: Apache-2.0
// Frames by grammar: link, network, transport, each mostly true and sometimes not; then damage.
#include "support/random_host.hpp"

namespace portlid::test {

namespace {

using Flow = ReferenceHost::Flow;

Bytes random_bytes(Dice& dice, std::size_t count) {
    Bytes out(count);
    for (auto& byte : out) byte = dice.byte();
    return out;
}

// ---- transport ----------------------------------------------------------------------------------

struct Ends {
    bool v4 = true;
    std::string source;
    std::string destination;
};

Ends random_ends(Dice& dice) {
    Ends ends;
    ends.v4 = dice.chance(60);
    ends.source = dice.pick(some_sources(ends.v4));
    ends.destination = dice.pick(some_destinations(ends.v4));
    if (dice.chance(4))
        ends.source = ends.v4 ? dice.pick<std::string>({"127.0.0.1", kHostV4, "224.0.0.1",
                                                        "0.0.0.0", "255.255.255.255", "10.8.0.1"})
                              : dice.pick<std::string>({"::1", kHostV6, "ff02::1", "::", "fe80::1",
                                                        "::2", "::203.0.113.9"});
    if (dice.chance(2)) ends.destination = ends.v4 ? "127.0.0.53" : "::1";
    return ends;
}

Bytes random_tcp(Dice& dice, unsigned from, unsigned to) {
    unsigned flags = dice.pick({2U, 2U, 2U, 16U, 18U, 4U, 1U, 0U, 41U, 3U, 6U, 20U, 0xc2U});
    if (dice.chance(15)) flags = dice.byte();
    auto out = tcp(from, to, flags, random_bytes(dice, dice.chance(30) ? dice.below(64) : 0));
    if (dice.chance(15)) out[12] = dice.byte();
    return out;
}

Bytes random_udp(Dice& dice, unsigned from, unsigned to) {
    auto out = udp(from, to, random_bytes(dice, dice.below(40)));
    if (dice.chance(10)) out[5] = static_cast<std::uint8_t>(dice.chance(50) ? dice.below(12) : 250);
    if (dice.chance(3)) out[4] = dice.byte();
    return out;
}

Bytes ip_header_and(Dice& dice, const Ends& ends, unsigned protocol, const Bytes& transport);

// What an error quotes: a packet of a flow of ours, an answer of some port, or noise; cut anywhere.
Bytes random_quote(Dice& dice, const ReferenceHost& host, bool v4) {
    if (dice.chance(10)) return random_bytes(dice, dice.below(80));
    Ends ends{v4, dice.pick(some_destinations(v4)), dice.pick(some_sources(v4))};
    unsigned protocol = dice.pick({6U, 17U, 17U, v4 ? 1U : 58U, 47U});
    unsigned local = some_port(dice);
    unsigned remote = some_port(dice);
    const auto& flow = !host.open_flows.empty() && dice.chance(20)
                           ? host.open_flows[dice.below(host.open_flows.size())].flow
                           : host.flows[dice.below(host.flows.size())];
    if (dice.chance(50) && (flow.local.family() == Family::IPv4) == v4) {
        ends.source = flow.local.to_string();
        ends.destination = flow.remote.to_string();
        protocol = flow.protocol;
        local = flow.local_port;
        remote = flow.remote_port;
    }
    const bool ports = protocol == 6 || protocol == 17;
    const auto transport = ports ? (protocol == 6 ? tcp(local, remote) : udp(local, remote))
                                 : icmp(v4 ? 8 : 128, 0, local);
    auto quote = v4 ? Ipv4{.source = ends.source,
                           .destination = ends.destination,
                           .protocol = static_cast<std::uint8_t>(protocol),
                           .options = Bytes(dice.chance(20) ? 8 : 0, 1),
                           .fragment_bits = dice.chance(8) ? dice.byte() : 0U}(transport)
                    : Ipv6{.source = ends.source,
                           .destination = ends.destination,
                           .next = static_cast<std::uint8_t>(protocol)}(transport);
    if (dice.chance(50)) quote.resize(std::min<std::size_t>(quote.size(), v4 ? 28 : 48));
    if (dice.chance(15)) quote.resize(dice.below(quote.size() + 1));
    if (dice.chance(8)) quote[0] = dice.byte();
    return quote;
}

Bytes random_icmp(Dice& dice, const ReferenceHost& host, bool v4) {
    const unsigned type = v4 ? dice.pick({8U, 0U, 3U, 3U, 11U, 12U, 5U, 13U, 9U})
                             : dice.pick({128U, 129U, 1U, 2U, 3U, 4U, 133U, 134U, 135U, 136U, 137U,
                                          130U, 131U, 132U, 143U, 151U});
    const bool error = v4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
    const auto payload = error ? random_quote(dice, host, v4) : random_bytes(dice, dice.below(32));
    return icmp(dice.chance(3) ? dice.byte() : type, dice.below(6), dice.between(75, 80), payload);
}

// ---- network ------------------------------------------------------------------------------------

Bytes random_v4(Dice& dice, const Ends& ends, unsigned protocol, const Bytes& transport) {
    Ipv4 header{.source = ends.source,
                .destination = ends.destination,
                .protocol = static_cast<std::uint8_t>(protocol)};
    if (dice.chance(15)) header.options = random_bytes(dice, 4 * dice.between(1, 10));
    if (dice.chance(15))
        header.fragment_bits =
            dice.pick({0x2000U, 0x2000U, 0x4000U, 0x2001U, 1U, 2U, 100U, 0x2100U, 0x8000U});
    if (dice.chance(8)) header.total_length_lie = static_cast<int>(dice.below(80)) - 60;
    if (dice.chance(4)) header.version_ihl = dice.byte();
    return header(transport);
}

// One extension header in front of `behind`; `next` becomes its own number.
Bytes prepend_extension(Dice& dice, unsigned& next, const Bytes& behind) {
    const unsigned kind = dice.pick({0U, 43U, 60U, 60U, 44U, 44U, 51U, 135U, 139U, 140U});
    Bytes out;
    if (kind == 44) {
        const auto offset = dice.chance(70) ? 0 : 8 * dice.between(1, 200);
        out = fragment_header(next, offset, dice.chance(50), behind);
        if (dice.chance(10)) out[3] = static_cast<std::uint8_t>(out[3] | 6U);
    } else if (kind == 51) {
        out = {static_cast<std::uint8_t>(next), 4};
        out.insert(out.end(), 22, 3);
        append(out, behind);
    } else {
        out = extension(next, behind, dice.chance(20) ? dice.below(4) : 0);
    }
    if (dice.chance(4)) out[1] = dice.byte();
    next = kind;
    return out;
}

Bytes random_v6(Dice& dice, const Ends& ends, unsigned protocol, const Bytes& transport) {
    Bytes payload = transport;
    unsigned next = protocol;
    if (dice.chance(35)) {
        const auto headers = dice.chance(15) ? dice.between(6, 10) : dice.between(1, 4);
        for (unsigned i = 0; i < headers; ++i) payload = prepend_extension(dice, next, payload);
    }
    Ipv6 header{.source = ends.source,
                .destination = ends.destination,
                .next = static_cast<std::uint8_t>(next)};
    header.hop_limit = dice.pick<std::uint8_t>({64, 255, 255, 1, 0});
    if (dice.chance(8)) header.payload_length_lie = static_cast<int>(dice.below(60)) - 45;
    auto out = header(payload);
    if (dice.chance(2)) out[0] = dice.byte();
    return out;
}

Bytes ip_header_and(Dice& dice, const Ends& ends, unsigned protocol, const Bytes& transport) {
    return ends.v4 ? random_v4(dice, ends, protocol, transport)
                   : random_v6(dice, ends, protocol, transport);
}

// ---- what is said -------------------------------------------------------------------------------

Bytes new_packet(Dice& dice, const ReferenceHost& host) {
    const auto ends = random_ends(dice);
    const auto from = dice.chance(70) ? 40000 : some_port(dice);
    switch (dice.below(10)) {
        case 0:
        case 1:
        case 2:
        case 3:
            return ip_header_and(dice, ends, 6, random_tcp(dice, from, some_port(dice)));
        case 4:
        case 5:
        case 6:
            return ip_header_and(dice, ends, 17, random_udp(dice, from, some_port(dice)));
        case 7:
        case 8:
            return ip_header_and(dice, ends, ends.v4 ? 1 : 58, random_icmp(dice, host, ends.v4));
        default:
            return ip_header_and(dice, ends,
                                 dice.pick({2U, 47U, 50U, 51U, 59U, 112U, 132U, 41U, 4U, 1U, 58U,
                                            103U, dice.below(256)}),
                                 random_bytes(dice, dice.below(48)));
    }
}

// An answer within one of our flows, or nearly.
Bytes reply_packet(Dice& dice, const ReferenceHost& host) {
    const auto& flow = host.flows[dice.below(host.flows.size())];
    Ends ends{flow.local.family() == Family::IPv4, flow.remote.to_string(), flow.local.to_string()};
    auto near = flow.local_port;
    auto far = flow.remote_port;
    if (dice.chance(10)) ++near;
    if (dice.chance(10)) ++far;
    if (dice.chance(6)) ends.source = dice.pick(some_sources(ends.v4));
    if (dice.chance(6)) ends.destination = dice.pick(some_destinations(ends.v4));
    if (flow.protocol == 6) return ip_header_and(dice, ends, 6, random_tcp(dice, far, near));
    if (flow.protocol == 17) return ip_header_and(dice, ends, 17, random_udp(dice, far, near));
    if (flow.protocol == 1)
        return ip_header_and(dice, ends, 1, icmp(dice.pick({0U, 0U, 8U}), 0, near));
    if (flow.protocol == 58)
        return ip_header_and(dice, ends, 58, icmp(dice.pick({129U, 129U, 128U}), 0, near));
    return ip_header_and(dice, ends, flow.protocol, random_bytes(dice, 16));
}

// From a stranger within a connection that was open, or nearly.
Bytes open_flow_packet(Dice& dice, const ReferenceHost& host) {
    const auto& flow = host.open_flows[dice.below(host.open_flows.size())].flow;
    const Ends ends{flow.local.family() == Family::IPv4, flow.remote.to_string(),
                    flow.local.to_string()};
    const auto far = flow.remote_port + (dice.chance(10) ? 1 : 0);
    return ip_header_and(dice, ends, 6, random_tcp(dice, far, flow.local_port));
}

Bytes dhcp_packet(Dice& dice) {
    if (dice.chance(50)) {
        const Ends ends{true, dice.pick<std::string>({"192.0.2.254", "203.0.113.9"}),
                        dice.pick<std::string>({"255.255.255.255", kHostV4})};
        return ip_header_and(dice, ends, 17,
                             random_udp(dice, dice.pick({67U, 68U}), dice.pick({68U, 67U})));
    }
    const Ends ends{false, dice.pick<std::string>({"fe80::9", "febf::9", kStrangerV6}), "fe80::1"};
    return ip_header_and(dice, ends, 17,
                         random_udp(dice, dice.pick({547U, 546U}), dice.pick({546U, 547U})));
}

// ---- link ---------------------------------------------------------------------------------------

Bytes with_link(Dice& dice, const Bytes& packet) {
    static const std::vector<Bytes> kStations{
        {2, 0, 0, 0, 0, 1},       {2, 0, 0, 0, 0, 1},
        {2, 0, 0, 0, 0, 1},       {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        {1, 0, 0x5e, 0, 0, 0xfb}, {2, 0, 0, 0, 0, 0x55}};
    Bytes out = dice.pick(kStations);
    append(out, Bytes{2, 0, 0, 0, 0, 9});
    const auto tags = dice.chance(80) ? 0 : dice.between(1, 3);
    for (unsigned i = 0; i < tags; ++i) {
        put16(out, dice.pick({0x8100U, 0x8100U, 0x88a8U, 0x9100U}));
        put16(out, dice.pick({0U, 5U, 0x2005U, 4095U}));
    }
    unsigned type = !packet.empty() && packet[0] / 16 == 6 ? 0x86dd : 0x0800;
    if (dice.chance(4))
        type = dice.pick(
            {0x0806U, 0x88ccU, 0x8809U, 0x888eU, 0x0026U, 0x0800U, 0x86ddU, 0x8864U, 0x9100U});
    put16(out, type);
    append(out, packet);
    return out;
}

void damage(Dice& dice, Bytes& frame) {
    if (frame.empty()) return;
    switch (dice.below(5)) {
        case 0:
            for (unsigned i = dice.between(1, 4); i > 0; --i)
                frame[dice.below(frame.size())] ^= static_cast<std::uint8_t>(1U << dice.below(8));
            break;
        case 1:
            frame.resize(dice.below(frame.size() + 1));
            break;
        case 2:
            frame[dice.below(frame.size())] = dice.byte();
            break;
        case 3: {  // bytes in the middle vanish
            const auto at = dice.below(frame.size());
            const auto count = std::min<std::size_t>(dice.between(1, 8), frame.size() - at);
            const auto first = frame.begin() + at;
            frame.erase(first, first + static_cast<std::ptrdiff_t>(count));
            break;
        }
        default: {  // or appear
            const auto more = random_bytes(dice, dice.between(1, 8));
            frame.insert(frame.begin() + dice.below(frame.size()), more.begin(), more.end());
        }
    }
}

}  // namespace

Bytes random_frame(Dice& dice, const ReferenceHost& host, bool layer3) {
    Bytes packet;
    switch (dice.below(10)) {
        case 0:
        case 1:
        case 2:
            packet = dice.chance(30) && !host.open_flows.empty() ? open_flow_packet(dice, host)
                                                                 : reply_packet(dice, host);
            break;
        case 3:
            packet = dice.chance(40) ? dhcp_packet(dice) : new_packet(dice, host);
            break;
        default:
            packet = new_packet(dice, host);
    }
    auto frame = layer3 ? packet : with_link(dice, packet);
    if (dice.chance(15)) append(frame, random_bytes(dice, dice.between(1, 46)));  // padding
    if (dice.chance(33)) damage(dice, frame);
    return frame;
}

}  // namespace portlid::test
