// SPDX-License-Identifier: Apache-2.0
#include "policy/simulate.hpp"

#include <netinet/in.h>

#include "support.hpp"
#include "support/packet.hpp"

namespace portlid::policy::test {
namespace {

CompiledPolicy enforcing() {
    return compiled(
        "mode: enforce\nzones: { a: { interfaces: [x] } }\n"
        "services: [{ name: web, ports: [80/tcp, 443/udp] }]\n"
        "icmp: { ping: drop }\nprotocols: [gre]\n");
}

Probe probe(std::uint8_t protocol, const std::string& from, std::uint16_t port = 0) {
    Probe out;
    out.protocol = protocol;
    out.source = address(from);
    out.destination = IpAddress::any(out.source.family());
    out.port = {port};
    return out;
}

Judgement judge_new(std::uint8_t protocol, const std::string& from, std::uint16_t port = 0) {
    return judge_probe(enforcing(), {}, probe(protocol, from, port));
}

TEST(JudgeProbe, AsksThePipelineForBothFamilies) {
    for (const auto* from : {"198.51.100.9", "2001:db8:bad::9"}) {
        SCOPED_TRACE(from);
        EXPECT_EQ(judge_new(IPPROTO_TCP, from, 80).why, REASON_allowed);
        EXPECT_EQ(judge_new(IPPROTO_TCP, from, 81).why, REASON_no_service);
        EXPECT_EQ(judge_new(IPPROTO_UDP, from, 443).why, REASON_allowed);
        EXPECT_EQ(judge_new(IPPROTO_UDP, from, 80).why, REASON_no_service);
        EXPECT_EQ(judge_new(IPPROTO_GRE, from).why, REASON_protocol);
        EXPECT_EQ(judge_new(IPPROTO_ESP, from).why, REASON_protocol_denied);
    }
    EXPECT_EQ(judge_new(IPPROTO_ICMP, "198.51.100.9").why, REASON_ping_denied);
    EXPECT_EQ(judge_new(IPPROTO_ICMPV6, "2001:db8:bad::9").why, REASON_ping_denied);
}

TEST(JudgeProbe, KnowsTransitContainersAndRoutedSubnets) {
    HostTables tables;
    tables.own = {address("192.0.2.1")};
    tables.networks[*Cidr::parse("172.17.0.0/16")] = NETWORK_CONTAINER;
    tables.networks[*Cidr::parse("172.18.0.0/16")] = NETWORK_ROUTED;
    const auto why = [&](const std::string& to, std::uint16_t port) {
        auto asked = probe(IPPROTO_TCP, "198.51.100.9", port);
        asked.destination = address(to);
        return judge_probe(enforcing(), tables, asked).why;
    };
    EXPECT_EQ(why("192.0.2.1", 80), REASON_allowed);
    EXPECT_EQ(why("192.0.2.9", 80), REASON_transit);
    EXPECT_EQ(why("172.17.0.2", 80), REASON_direct_to_container);
    EXPECT_EQ(why("172.18.0.2", 80), REASON_allowed);
}

TEST(JudgeProbe, RefusesToMixFamilies) {
    auto asked = probe(IPPROTO_TCP, "198.51.100.9", 80);
    asked.destination = address("2001:db8::1");
    EXPECT_EQ(judge_probe(enforcing(), {}, asked).why, REASON_no_policy);
}

TEST(JudgeFrame, LetsAnswersOfKnownFlowsIn) {
    using namespace portlid::test;
    HostTables tables;
    tables.own = {address(kHostV4)};
    const auto frame = udp_v4(53, 40000);
    EXPECT_EQ(judge_frame(enforcing(), tables, 0, frame).verdict, VERDICT_drop);
    flow_key flow{};
    flow.local = address(kHostV4).to_bytes();
    flow.remote = address(kStrangerV4).to_bytes();
    flow.local_port_host = 40000;
    flow.remote_port_host = 53;
    flow.protocol = IPPROTO_UDP;
    tables.flows.push_back(flow);
    EXPECT_EQ(judge_frame(enforcing(), tables, 0, frame).why, REASON_reply);
}

TEST(JudgeFrame, NamesWhatIsNoPacketAndWhatLies) {
    using namespace portlid::test;
    const Bytes arp = Ethernet{.ethertype = 0x0806}(Bytes(28, 0));
    EXPECT_EQ(judge_frame(enforcing(), {}, 0, arp).why, REASON_not_ip);
    auto frame = syn_v4(80);
    frame.resize(20);
    EXPECT_EQ(judge_frame(enforcing(), {}, 0, frame).why, REASON_malformed);
}

}  // namespace
}  // namespace portlid::policy::test
