// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <nlohmann/json.hpp>

#include "learn/services.hpp"

namespace portlid::learn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

Learnt learnt_from(const std::vector<Flow>& flows) {
    static const auto policy = watching();
    return learn(policy, flows);
}

TEST(Learn, AUsedPortBecomesAServiceOfItsHolderForItsSources) {
    const auto learnt = learnt_from({use("203.0.113.9", 22), use("203.0.113.8", 22)});
    ASSERT_THAT(learnt.services, SizeIs(1));
    const auto& service = learnt.services[0].service;
    EXPECT_EQ(service.name, "sshd");
    EXPECT_EQ(policy::to_string(service.ports.at(0)), "22/tcp");
    EXPECT_THAT(service.from_text, ElementsAre("203.0.113.8", "203.0.113.9"));
    EXPECT_EQ(learnt.services[0].evidence.packets, 20U);
    EXPECT_EQ(learnt.services[0].evidence.sources, 2U);
}

TEST(Learn, ASourceThatTriedFourPortsInVainIsAScannerWhateverElseItDid) {
    std::vector<Flow> flows{use("203.0.113.66", 22), use("203.0.113.9", 443)};
    for (std::uint16_t port = 1; port <= 4; ++port) flows.push_back(probe("203.0.113.66", port));
    auto learnt = learnt_from(flows);
    ASSERT_THAT(learnt.services, SizeIs(1));
    EXPECT_EQ(policy::to_string(learnt.services[0].service.ports.at(0)), "443/tcp");
    ASSERT_THAT(learnt.scanners, SizeIs(1));
    EXPECT_EQ(learnt.scanners[0].source, "203.0.113.66");
    EXPECT_EQ(learnt.scanners[0].ports, 4U);
    flows.pop_back();  // three are a mistake
    EXPECT_THAT(learnt_from(flows).services, SizeIs(2));
}

TEST(Learn, WhatIsNoUse) {
    struct Row {
        const char* why;
        Flow flow;
    };
    std::vector<Row> rows;
    const auto add = [&](const char* why, auto change) {
        auto flow = use("203.0.113.9", 22);
        change(flow);
        rows.push_back({why, flow});
    };
    add("one SYN", [](Flow& f) { f.packets = 1, f.acks = 0; });
    add("SYNs again and again", [](Flow& f) { f.packets = f.syns = 9, f.acks = 0; });
    add("two ACKs out of nowhere", [](Flow& f) { f.syns = 0, f.acks = 2, f.listener = false; });
    add("dropped", [](Flow& f) { f.verdict = VERDICT_drop; });
    add("banned", [](Flow& f) { f.why = REASON_banned; });
    add("in a deny set", [](Flow& f) { f.why = REASON_denied; });
    add("one datagram", [](Flow& f) { f.protocol = IPPROTO_UDP, f.packets = 1; });
    add("datagrams that nobody took",
        [](Flow& f) { f.protocol = IPPROTO_UDP, f.listener = false; });
    for (const auto& row : rows) {
        SCOPED_TRACE(row.why);
        EXPECT_THAT(learnt_from({row.flow}).services, IsEmpty());
    }
}

TEST(Learn, WhatIsUse) {
    auto datagrams = use("203.0.113.9", 53);
    datagrams.protocol = IPPROTO_UDP;
    datagrams.packets = 2;
    auto older = use("203.0.113.9", 22);  // its SYN came before the sensor
    older.syns = 0;
    auto unknown = use("203.0.113.9", 22);  // no engine told us who holds it
    unknown.listener = false;
    unknown.target = std::make_shared<history::Target>();
    auto open = use("203.0.113.9", 22);
    open.verdict = VERDICT_allow;
    open.why = REASON_allowed;
    for (const auto& flow : {datagrams, older, unknown, open})
        EXPECT_THAT(learnt_from({flow}).services, SizeIs(1)) << history::to_line(flow);
}

TEST(Learn, HoursOfOneSourceCountTogether) {
    auto first = probe("203.0.113.9", 22);
    first.listener = true;
    auto second = first;
    second.packets = second.acks = 1;
    second.syns = 0;
    second.last += std::chrono::hours(1);
    const auto learnt = learnt_from({first, second});
    ASSERT_THAT(learnt.services, SizeIs(1));
    EXPECT_EQ(learnt.services[0].evidence.last - learnt.services[0].evidence.first,
              std::chrono::hours(1));
}

TEST(Learn, FewSourcesAreListedFewNetworksAreNamedManyAreEverybody) {
    std::set<IpAddress> few, office, world;
    for (int i = 1; i <= 8; ++i) few.insert(*IpAddress::parse(fmt::format("203.0.{}.1", i)));
    for (int i = 1; i <= 9; ++i) office.insert(*IpAddress::parse(fmt::format("10.1.2.{}", i)));
    for (int i = 1; i <= 9; ++i) world.insert(*IpAddress::parse(fmt::format("203.0.{}.1", i)));
    EXPECT_THAT(from_of(few), SizeIs(8));
    ASSERT_THAT(from_of(office), SizeIs(1));
    EXPECT_EQ(from_of(office)[0].to_string(), "10.1.2.0/24");
    EXPECT_THAT(from_of(world), IsEmpty());
    EXPECT_EQ(source_prefix(*IpAddress::parse("2001:db8:1:2::")).to_string(), "2001:db8:1:2::/64");
}

TEST(Learn, PortsOfOneContainerForTheSameSourcesAreOneService) {
    const auto web = container("shop_web.1");
    const auto learnt = learnt_from({use("203.0.113.9", 80, web), use("203.0.113.9", 443, web),
                                     use("203.0.113.9", 8080, web), use("203.0.113.9", 8081, web),
                                     use("203.0.113.9", 9000, web), use("203.0.113.7", 9000, web)});
    ASSERT_THAT(learnt.services, SizeIs(2));
    const auto& ports = learnt.services[0].service.ports;
    ASSERT_THAT(ports, SizeIs(3));
    EXPECT_EQ(policy::to_string(ports[2]), "8080-8081/tcp");
    EXPECT_EQ(learnt.services[0].service.name, "shop-web-1");
    EXPECT_EQ(learnt.services[1].service.name, "shop-web-1-9000-tcp");
}

TEST(Learn, TheTextLoadsOpensWhatWasUsedAndShowsWhy) {
    const auto policy = watching();
    std::vector<Flow> flows{use("203.0.113.9", 22), use("2001:db8:1:2::", 22),
                            use("203.0.113.7", 8080, container("9web\"\n# - x"))};
    for (std::uint16_t port = 1; port <= 4; ++port) flows.push_back(probe("203.0.113.66", port));
    const auto learnt = learn(policy, flows);
    const auto text = policy_text(policy, learnt, noon(), noon());
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_THAT(*text, HasSubstr("203.0.113.66: 4 ports"));
    EXPECT_THAT(*text, HasSubstr("  # - { from: 203.0.113.9, to: 22/tcp, zone: public, expect: "
                                 "allow }\n"));
    EXPECT_THAT(*text, HasSubstr("/usr/sbin/sshd\n"));
    EXPECT_THAT(*text, HasSubstr("2001:db8:1:2::/64"));
    const auto loaded = policy_of(*text);
    ASSERT_THAT(loaded.services, SizeIs(2));
    EXPECT_EQ(loaded.services[1].name, "c-9web-x");
    EXPECT_EQ(loaded.zones[0].default_action, policy::Action::Drop);
    const auto json = nlohmann::json::parse(learn_json(learnt, *text, noon()));
    EXPECT_EQ(json["schema"], "portlid.learn/v1");
    EXPECT_EQ(json["services"].size(), 2U);
    EXPECT_EQ(json["policy"], *text);
}

TEST(Learn, AZoneThatLetEverythingInDropsTheRestWhereSomethingWasUsed) {
    const auto policy = policy_of(
        "version: 1\nmode: monitor\nzones:\n  public: { interfaces: [eth0], default: allow }\n"
        "  vpn: { interfaces: [wg0], default: allow }\n");
    auto flow = use("203.0.113.9", 22);
    flow.verdict = VERDICT_allow;
    flow.why = REASON_zone_default;
    const auto learnt = learn(policy, std::vector<Flow>{flow});
    const auto loaded = policy_of(*policy_text(policy, learnt, noon(), noon()));
    EXPECT_EQ(loaded.zones[0].default_action, policy::Action::Drop);
    EXPECT_EQ(loaded.zones[1].default_action, policy::Action::Allow);
    EXPECT_THAT(loaded.services.at(0).zones, ElementsAre("public"));
}

TEST(Learn, ALimitInForceIsKept) {
    const auto policy = policy_of(
        "version: 1\nmode: monitor\nzones: { public: { interfaces: [eth0], default: drop } }\n"
        "services: [ { name: ssh, ports: [22/tcp], limit: { new: 6/30s } } ]\n");
    const auto learnt = learn(policy, std::vector<Flow>{use("203.0.113.9", 22)});
    ASSERT_THAT(learnt.services, SizeIs(1));
    ASSERT_TRUE(learnt.services[0].service.limit);
    EXPECT_EQ(learnt.services[0].service.limit->new_flows, 6U);
}

TEST(Learn, AFlowSurvivesItsLine) {
    auto flow = use("2001:db8:1:2::", 22, container("web"));
    const auto back = history::flow_of(history::to_line(flow));
    ASSERT_TRUE(back);
    EXPECT_EQ(history::to_line(*back), history::to_line(flow));
    EXPECT_FALSE(history::flow_of("{}"));
    EXPECT_FALSE(history::flow_of("not json"));
    EXPECT_FALSE(history::flow_of("{\"source\":1}"));
}

}  // namespace
}  // namespace portlid::learn
