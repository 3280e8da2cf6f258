// SPDX-License-Identifier: Apache-2.0
#include "bench/cases.hpp"

#include <linux/bpf.h>

#include <algorithm>

#include "abi/reasons.h"

namespace portlid::bench {

namespace {

using test::Bytes;
using test::Ethernet;
using test::Ipv4;
using test::Ipv6;

// Lists of random prefixes cover up to this share of the space (1M prefixes from /20 on).
constexpr double kUnlistedShare = 0.80;

wrap_config any_source_v4() {
    wrap_config config{WRAP_SOURCE | WRAP_PORTS, 0, {}, {}};
    std::fill_n(config.mask, 4, std::uint8_t{0xff});
    return config;
}

// Anywhere in 2000::/3.
wrap_config any_source_v6() {
    wrap_config config{WRAP_IPV6 | WRAP_SOURCE | WRAP_PORTS, 0, {}, {}};
    std::fill_n(config.mask, 16, std::uint8_t{0xff});
    config.base[0] = 0x20;
    config.mask[0] = 0x1f;
    return config;
}

// For what has no ports where TCP and UDP have them.
wrap_config without_ports(wrap_config config) {
    config.flags &= ~WRAP_PORTS;
    return config;
}

wrap_config listed(bool v6, std::uint32_t prefixes) {
    return {(v6 ? WRAP_IPV6 : 0U) | WRAP_PREFIX | WRAP_PORTS, prefixes, {}, {}};
}

wrap_config flow(bool v6, std::uint32_t flows) {
    return {(v6 ? WRAP_IPV6 : 0U) | WRAP_FLOW, flows, {}, {}};
}

wrap_config unchanged() {
    return {};
}

Bytes tcp_to(bool v6, unsigned port, unsigned flags) {
    const auto segment = test::tcp(40000, port, flags);
    return v6 ? Ethernet{}(Ipv6{}(segment)) : Ethernet{}(Ipv4{}(segment));
}

Bytes udp_to(bool v6, unsigned port) {
    return v6 ? test::udp_v6(40000, port) : test::udp_v4(40000, port);
}

// A case of one Portlid; `why` also says whether the packet must go.
struct Maker {
    Portlid& portlid;
    std::string suffix;  // "/10k"
    std::vector<Case> cases;

    void add(const std::string& id, const std::string& sentence, Bytes frame,
             const wrap_config& config, reason why, verdict_word verdict, double share = 1.0) {
        Case one;
        one.id = id + suffix;
        one.sentence = sentence;
        one.frame = std::move(frame);
        one.config = config;
        one.program = portlid.program();
        one.ifindex = portlid.ifindex();
        one.portlid = &portlid;
        one.expected = Expected{why, static_cast<unsigned>(verdict), share};
        one.returns = verdict == VERDICT_drop ? XDP_DROP : XDP_PASS;
        cases.push_back(std::move(one));
    }
    void drop(const std::string& id, const std::string& sentence, Bytes frame,
              const wrap_config& config, reason why, double share = 1.0) {
        add(id, sentence, std::move(frame), config, why, VERDICT_drop, share);
    }
    void pass(const std::string& id, const std::string& sentence, Bytes frame,
              const wrap_config& config, reason why, double share = 1.0) {
        add(id, sentence, std::move(frame), config, why, VERDICT_allow, share);
    }
};

void add_ports(Maker& make) {
    const auto v4 = any_source_v4();
    const auto v6 = any_source_v6();
    make.pass("open_v4", "open port, SYN", tcp_to(false, 80, test::kSyn), v4, REASON_allowed);
    make.pass("open_v6", "open port, SYN, IPv6", tcp_to(true, 80, test::kSyn), v6, REASON_allowed);
    make.drop("udp_v4", "closed port, UDP, port not in use", udp_to(false, 5353), v4,
              REASON_no_service);
    make.drop("udp_v6", "closed port, UDP, IPv6", udp_to(true, 5353), v6, REASON_no_service);
    make.drop("ack_v4", "closed port, ACK, port not in use", tcp_to(false, 5432, test::kAck), v4,
              REASON_no_service);
    make.pass("open_again_v4", "open port, SYN, the same source", tcp_to(false, 80, test::kSyn),
              unchanged(), REASON_allowed);
    auto scattered = v4;
    scattered.flags |= WRAP_SCATTER;
    make.drop("scan_v4", "closed ports at random, SYN", tcp_to(false, 5432, test::kSyn), scattered,
              REASON_no_service);
    make.drop("vlan_v4", "closed port, SYN, VLAN tag",
              Ethernet{.vlans = {7}}(Ipv4{}(test::tcp(40000, 5432))), unchanged(),
              REASON_no_service);
    make.drop("chain_v6", "closed port, SYN, 2 extension headers",
              Ethernet{}(Ipv6{.next = 60}(
                  test::extension(60, test::extension(6, test::tcp(40000, 5432))))),
              unchanged(), REASON_no_service);
}

void add_icmp(Maker& make) {
    const auto v4 = without_ports(any_source_v4());
    make.pass("ping_v4", "ping", Ethernet{}(Ipv4{.protocol = 1}(test::icmp(8))), v4, REASON_ping);
    make.pass("ping_v6", "ping, IPv6", Ethernet{}(Ipv6{.next = 58}(test::icmp(128))),
              without_ports(any_source_v6()), REASON_ping);
    auto solicitation = Ipv6{.source = "fe80::9", .next = 58, .hop_limit = 255};
    make.pass("essential_v6", "neighbour solicitation",
              Ethernet{}(solicitation(test::icmp(135, 0, 0, Bytes(16, 1)))), unchanged(),
              REASON_essential);
    // 50 a second and source are let through before the budget is out.
    const auto quoted =
        Ipv4{.source = kHostV4, .destination = test::kStrangerV4}(test::tcp(5432, 40000));
    make.drop("limited_v4", "ICMP error about nothing, over budget",
              Ethernet{}(Ipv4{.protocol = 1}(test::icmp(3, 1, 0, quoted))), unchanged(),
              REASON_limited, 0.9);
}

void add_strange(Maker& make) {
    wrap_config loopback{WRAP_SOURCE, 0, {127}, {0, 0xff, 0xff, 0xff}};
    const auto v4 = without_ports(any_source_v4());
    make.drop("martian_v4", "source in 127/8", tcp_to(false, 80, test::kSyn), loopback,
              REASON_martian);
    make.drop("malformed_v4", "total length lies",
              Ethernet{}(Ipv4{.total_length_lie = 9}(test::tcp(40000, 80))), v4, REASON_malformed);
    make.drop("protocol_v4", "GRE, not in the list", Ethernet{}(Ipv4{.protocol = 47}(Bytes(20, 0))),
              v4, REASON_protocol_denied);
    make.drop("flood_v4", "later fragments of one source, over budget",
              Ethernet{}(Ipv4{.fragment_bits = 0x00b9}(Bytes(40, 0))), unchanged(),
              REASON_fragment_flood, 0.5);
    make.pass("arp", "ARP", Ethernet{.ethertype = 0x0806}(Bytes(46, 0)), unchanged(),
              REASON_not_ip);
    make.pass("transit_v4", "an address that is not ours",
              Ethernet{}(Ipv4{.destination = "198.51.100.77"}(test::tcp(40000, 80))), v4,
              REASON_transit);
    make.drop("direct_v4", "a container's own address",
              Ethernet{}(Ipv4{.destination = "172.17.0.9"}(test::tcp(40000, 80))), v4,
              REASON_direct_to_container);
}

}  // namespace

std::vector<Case> yardstick_cases(const Runner& runner) {
    std::vector<Case> cases;
    for (const bool v6 : {false, true}) {
        Case empty;
        empty.id = v6 ? "empty_v6" : "empty";
        empty.sentence = v6 ? "empty program, IPv6 wrapper" : "empty program: return XDP_DROP";
        empty.frame = tcp_to(v6, 5432, test::kSyn);
        empty.config = v6 ? any_source_v6() : any_source_v4();
        empty.program = program_of(runner.object(), "bench_empty_frags");
        empty.returns = XDP_DROP;
        cases.push_back(std::move(empty));
    }
    auto reading = cases.front();
    reading.id = "reading";
    reading.sentence = "reads the header, XDP_DROP";
    reading.program = program_of(runner.object(), "bench_read");
    auto cell = reading;
    cell.id = "one_cell";
    cell.sentence = "one port cell, one counter, XDP_DROP";
    cell.program = program_of(runner.object(), "bench_cell");
    cases.push_back(std::move(reading));
    cases.push_back(std::move(cell));
    return cases;
}

Case xdp_filter_case(const std::string& id, const std::string& sentence, const Object& filter,
                     const std::string& program, bool ipv6) {
    Case one;
    one.id = id;
    one.sentence = sentence;
    one.frame = tcp_to(ipv6, 5432, test::kSyn);
    one.config = ipv6 ? any_source_v6() : any_source_v4();
    one.program = program_of(filter, program.c_str());
    one.frags = false;
    one.returns = XDP_DROP;
    return one;
}

std::vector<Case> size_cases(Portlid& portlid, const std::string& size, std::uint32_t prefixes) {
    Maker make{portlid, "/" + size, {}};
    const auto with = [&](const char* text) { return std::string(text) + ", " + size; };
    make.drop("closed_v4", with("closed port, SYN"), tcp_to(false, 5432, test::kSyn),
              any_source_v4(), REASON_no_service);
    make.drop("closed_v6", with("closed port, SYN, IPv6"), tcp_to(true, 5432, test::kSyn),
              any_source_v6(), REASON_no_service);
    make.drop("restricted_v4", with("restricted port, random source"),
              tcp_to(false, 22, test::kSyn), any_source_v4(), REASON_source_not_allowed,
              kUnlistedShare);
    make.drop("restricted_v6", with("restricted port, random source, IPv6"),
              tcp_to(true, 23, test::kSyn), any_source_v6(), REASON_source_not_allowed,
              kUnlistedShare);
    make.pass("listed_v4", with("restricted port, listed source"), tcp_to(false, 22, test::kSyn),
              listed(false, prefixes), REASON_allowed);
    make.pass("listed_v6", with("restricted port, listed source, IPv6"),
              tcp_to(true, 23, test::kSyn), listed(true, prefixes), REASON_allowed);
    return std::move(make.cases);
}

std::vector<Case> deny_cases(Portlid& portlid, const std::string& size, std::uint32_t prefixes) {
    Maker make{portlid, "/" + size, {}};
    const auto with = [&](const char* text) { return std::string(text) + ", " + size; };
    make.drop("denied_v4", with("open port, denied source"), tcp_to(false, 80, test::kSyn),
              listed(false, prefixes), REASON_denied);
    make.pass("undenied_v4", with("open port, random source, deny set"),
              tcp_to(false, 80, test::kSyn), any_source_v4(), REASON_allowed, kUnlistedShare);
    make.drop("closed_deny_v4", with("closed port, SYN, deny set"), tcp_to(false, 5432, test::kSyn),
              any_source_v4(), REASON_no_service);
    return std::move(make.cases);
}

std::vector<Case> reason_cases(Portlid& portlid) {
    Maker make{portlid, {}, {}};
    add_ports(make);
    add_icmp(make);
    add_strange(make);
    return std::move(make.cases);
}

std::vector<Case> state_cases(Portlid& portlid) {
    Maker make{portlid, {}, {}};
    make.drop("limit_one", "limited service, one source over its limit",
              tcp_to(false, 24, test::kSyn), unchanged(), REASON_limited, 0.99);
    make.pass("limit_many", "limited service, new sources", tcp_to(false, 24, test::kSyn),
              any_source_v4(), REASON_allowed);
    const wrap_config banned{WRAP_SOURCE | WRAP_PORTS, 0, {198, 51, 100}, {0, 0, 0, 0xff}};
    make.drop("banned", "open port, banned source", tcp_to(false, 80, test::kSyn), banned,
              REASON_banned);
    return std::move(make.cases);
}

std::vector<Case> flow_cases(Portlid& portlid, const std::string& size, std::uint32_t flows,
                             Family family) {
    const bool v6 = family == Family::IPv6;
    Maker make{portlid, "/" + size, {}};
    const std::string tail = (v6 ? ", IPv6, " : ", ") + size + " flows";
    const std::string name = v6 ? "v6" : "v4";
    const auto answer = [&](unsigned from) {
        const auto segment = test::tcp(from, 16384, test::kAck);
        return v6 ? Ethernet{}(Ipv6{}(segment)) : Ethernet{}(Ipv4{}(segment));
    };
    make.pass("reply_" + name, "reply" + tail, answer(BENCH_FLOW_REMOTE_PORT), flow(v6, flows),
              REASON_reply);
    // The same addresses and ports but one: no such flow, while the port is in use.
    make.drop("miss_" + name, "no reply, port in use" + tail, answer(BENCH_FLOW_REMOTE_PORT + 1),
              flow(v6, flows), REASON_no_service);
    return std::move(make.cases);
}

}  // namespace portlid::bench
