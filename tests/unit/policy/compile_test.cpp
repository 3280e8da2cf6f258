// SPDX-License-Identifier: Apache-2.0
#include "policy/compile.hpp"

#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kStranger = "198.51.100.9";
constexpr const char* kOffice = "203.0.113.7";
constexpr const char* kSpammer = "192.0.2.200";

constexpr const char* kHead =
    "mode: enforce\n"
    "zones:\n"
    "  public: { interfaces: [uplink], default: drop }\n"
    "  vpn: { interfaces: [wg0], default: allow, mode: monitor }\n"
    "sets: { office: [203.0.113.0/24, 2001:db8:77::/48], spam: [192.0.2.128/25] }\n"
    "deny: [spam]\n";

struct CompiledRow {
    const char* sentence;
    const char* services;
    const char* source;
    std::uint16_t port;
    const char* destination;
    unsigned zone;
    verdict_word verdict;
    reason why;
    const char* rule;
};

constexpr const char* kAny = "0.0.0.0";
constexpr const char* kWeb = "services: [{ name: web, ports: [80/tcp] }]";
constexpr const char* kSsh = "services: [{ name: ssh, ports: [22/tcp], from: [office] }]";
constexpr const char* kUnion =
    "services:\n"
    "  - { name: some, ports: [22/tcp], from: [office] }\n"
    "  - { name: all, ports: [22/tcp] }\n";
constexpr const char* kStrictest =
    "services:\n"
    "  - { name: quiet, ports: [22/tcp], from: [office], mode: monitor }\n"
    "  - { name: loud, ports: [22/tcp], from: [203.0.113.1], mode: enforce }\n";
constexpr const char* kQuiet =
    "services: [{ name: quiet, ports: [22/tcp], from: [office], mode: monitor }]";
constexpr const char* kAddress =
    "services: [{ name: one, ports: [80/tcp], addresses: [192.0.2.1], from: [office] }]";
constexpr const char* kOwned =
    "services: [{ name: shop, ports: [80/tcp], owner: { container: shop } },"
    " { name: ssh, ports: [22/tcp] }]";
constexpr const char* kFailsafe =
    "failsafe: [{ ports: [22/tcp], from: [office, spam] }]\n"
    "services: [{ name: ssh, ports: [22/tcp], from: [203.0.113.99] }]";
constexpr const char* kInVpn =
    "services: [{ name: metrics, ports: [9400-9410/tcp], zones: [vpn], from: [office] },"
    " { name: ssh, ports: [22/tcp] }]";

const CompiledRow kCompiledRows[] = {
    {"a service without from opens its port to strangers", kWeb, kStranger, 80, kAny, 0,
     VERDICT_allow, REASON_allowed, "web"},
    {"the port below is closed", kWeb, kStranger, 79, kAny, 0, VERDICT_drop, REASON_no_service,
     "public default"},
    {"the port above is closed", kWeb, kStranger, 81, kAny, 0, VERDICT_drop, REASON_no_service,
     "public default"},
    {"a denied source is dropped at an open port", kWeb, kSpammer, 80, kAny, 0, VERDICT_drop,
     REASON_denied, "deny"},
    {"from lets its set in", kSsh, kOffice, 22, kAny, 0, VERDICT_allow, REASON_allowed, "ssh"},
    {"from lets the IPv6 part of its set in", kSsh, "2001:db8:77::5", 22, kAny, 0, VERDICT_allow,
     REASON_allowed, "ssh"},
    {"from keeps strangers out", kSsh, kStranger, 22, kAny, 0, VERDICT_drop,
     REASON_source_not_allowed, "ssh"},
    {"a service closes its port also where the default allows", kSsh, kStranger, 22, kAny, 1,
     VERDICT_would_drop, REASON_source_not_allowed, "ssh"},
    {"other ports of that zone stay open", kSsh, kStranger, 23, kAny, 1, VERDICT_allow,
     REASON_zone_default, "vpn default"},
    {"any service that opens wins", kUnion, kStranger, 22, kAny, 0, VERDICT_allow, REASON_allowed,
     "all"},
    {"a closing service drops if any of them enforces", kStrictest, kStranger, 22, kAny, 0,
     VERDICT_drop, REASON_source_not_allowed, "loud"},
    {"a service in monitor mode only would drop", kQuiet, kStranger, 22, kAny, 0,
     VERDICT_would_drop, REASON_source_not_allowed, "quiet"},
    {"a service names its port on its addresses", kAddress, kStranger, 80, "192.0.2.1", 0,
     VERDICT_drop, REASON_source_not_allowed, "one"},
    {"and opens it there", kAddress, kOffice, 80, "192.0.2.1", 0, VERDICT_allow, REASON_allowed,
     "one"},
    {"on other addresses it names nothing", kAddress, kOffice, 80, "192.0.2.2", 0, VERDICT_drop,
     REASON_no_service, "public default"},
    {"there the default of an open zone decides", kAddress, kStranger, 80, "192.0.2.2", 1,
     VERDICT_allow, REASON_zone_default, "vpn default"},
    {"an owned port stays closed", kOwned, kStranger, 80, kAny, 0, VERDICT_drop,
     REASON_owner_absent, "shop"},
    {"failsafe lets in", kFailsafe, kOffice, 22, kAny, 0, VERDICT_allow, REASON_failsafe,
     "failsafe"},
    {"failsafe stands before deny", kFailsafe, kSpammer, 22, kAny, 0, VERDICT_allow,
     REASON_failsafe, "failsafe"},
    {"failsafe holds in every zone", kFailsafe, kSpammer, 22, kAny, 1, VERDICT_allow,
     REASON_failsafe, "failsafe"},
    {"beside failsafe the services decide", kFailsafe, kStranger, 22, kAny, 0, VERDICT_drop,
     REASON_source_not_allowed, "ssh"},
    {"a range includes its last port", kInVpn, kOffice, 9410, kAny, 1, VERDICT_allow,
     REASON_allowed, "metrics"},
    {"a range ends after its last port", kInVpn, kOffice, 9411, kAny, 1, VERDICT_allow,
     REASON_zone_default, "vpn default"},
    {"a service of another zone names nothing here", kInVpn, kOffice, 9400, kAny, 0, VERDICT_drop,
     REASON_no_service, "public default"},
};

TEST(Compile, GivesTheDecisionTableRowByRow) {
    for (const auto& row : kCompiledRows) {
        SCOPED_TRACE(row.sentence);
        const auto policy = compiled(std::string(kHead) + row.services);
        const auto judged = judge_tcp(policy, row.source, row.port, row.destination, row.zone);
        EXPECT_EQ(judged.verdict, row.verdict);
        EXPECT_EQ(judged.why, row.why);
        EXPECT_EQ(policy.rules.at(judged.rule).name, row.rule);
    }
}

TEST(Compile, DropsNothingWhenCappedToMonitor) {
    for (const auto& row : kCompiledRows) {
        SCOPED_TRACE(row.sentence);
        const auto policy = compiled(std::string(kHead) + row.services, {.cap_to_monitor = true});
        EXPECT_FALSE(enforces(*policy.image));
        const auto judged = judge_tcp(policy, row.source, row.port, row.destination, row.zone);
        EXPECT_NE(judged.verdict, VERDICT_drop);
    }
}

TEST(Compile, KnowsWhetherAnythingWouldReallyDrop) {
    EXPECT_TRUE(enforces(*compiled(std::string(kHead) + kWeb).image));
    const auto monitor = "zones: { a: { interfaces: [x] } }\n";
    EXPECT_FALSE(enforces(*compiled(std::string(monitor) + kWeb).image));
    EXPECT_TRUE(enforces(*compiled(std::string(monitor) +
                                   "services: [{ name: s, ports: [22/tcp], from: [192.0.2.1], "
                                   "mode: enforce }]")
                              .image));
    EXPECT_FALSE(enforces(
        *compiled(std::string(monitor) + "services: [{ name: s, ports: [22/tcp], mode: enforce }]")
             .image));
}

TEST(Compile, TellsTcpFromUdp) {
    const auto policy = compiled(std::string(kHead) + "services: [{name: q, ports: [443/udp]}]");
    EXPECT_EQ(policy.image->ports[0][0][443], 0);
    EXPECT_NE(policy.image->ports[0][1][443], 0);
}

TEST(Compile, KeysByHostPortAndReachesTheLastOne) {
    const auto policy = compiled(std::string(kHead) + "services: [{name: q, ports: [65535/tcp]}]");
    EXPECT_EQ(policy.image->ports[0][0][65534], 0);
    EXPECT_NE(policy.image->ports[0][0][65535], 0);
}

TEST(Compile, PrecomputesTheZoneRows) {
    const auto policy = compiled(
        "mode: enforce\nzones: { a: { interfaces: [x], default: allow, existing: 10m } }\n"
        "protocols: [esp, 255]\nicmp: { ping: drop }\ntransit: drop\n");
    const auto& zone = policy.image->zones[0];
    EXPECT_EQ(zone.existing_ns, 600'000'000'000ULL);
    EXPECT_EQ(zone.protocols[0], std::uint64_t{1} << 50U);
    EXPECT_EQ(zone.protocols[3], std::uint64_t{1} << 63U);
    EXPECT_EQ(zone.ping_allow, 0);
    EXPECT_EQ(zone.transit_allow, 0);
    EXPECT_EQ(policy.rules.at(zone.ping_rule).name, "ping");
    EXPECT_EQ(policy.rules.at(zone.ping_rule).source, "policy.yaml:5");
    EXPECT_EQ(policy.rules.at(zone.deny_rule).source, "built-in");
    EXPECT_EQ(policy.rules.at(0).name, "built-in");
}

TEST(Compile, NamesSourcesRelativeToThePolicy) {
    const TemporaryDirectory directory;
    directory.write("policy.d/a.yaml", "services: [{ name: a, ports: [80/tcp] }]\n");
    const auto outcome = load_file(directory.write(
        "policy.yaml",
        "version: 1\nzones: { z: { interfaces: [x] } }\ninclude: policy.d/a.yaml\n"));
    const auto policy = compile(outcome.policy);
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->rules.back().source, "policy.d/a.yaml:1");
}

TEST(Compile, IsDeterministic) {
    const auto text = std::string(kHead) + kFailsafe;
    const auto first = compiled(text);
    const auto second = compiled(text);
    EXPECT_EQ(first.hash, second.hash);
    EXPECT_EQ(std::memcmp(first.image.get(), second.image.get(), sizeof(policy_image)), 0);
}

TEST(Compile, ChangesTheHashWithAnyMeaning) {
    const auto base = compiled(std::string(kHead) + kWeb).hash;
    EXPECT_NE(base, compiled(std::string(kHead) + kSsh).hash);
    EXPECT_NE(base, compiled(std::string(kHead) + kWeb + "\nicmp: { ping: drop }").hash);
    EXPECT_NE(
        base,
        compiled(std::string(kHead) + kWeb + "\nbinds: { allow: [{ ports: [80/tcp] }] }").hash);
    EXPECT_EQ(base, compiled(std::string(kHead) + "# a comment\n" + kWeb).hash);
}

TEST(Compile, UsesOneCellWhereSourceAndDestinationDoNotMatter) {
    const auto policy = compiled(std::string(kHead) + kWeb);
    const auto& set = policy.image->rule_sets[policy.image->ports[0][0][80]];
    EXPECT_EQ(set.source_span, 1);
    EXPECT_EQ(set.destination_span, 1);
}

TEST(Compile, SharesARuleSetBetweenEqualPorts) {
    const auto policy =
        compiled(std::string(kHead) + "services: [{name: a, ports: [1-1000/tcp, 5000/udp]}]");
    EXPECT_EQ(policy.image->ports[0][0][1], policy.image->ports[0][0][1000]);
    EXPECT_EQ(policy.image->ports[0][0][1], policy.image->ports[0][1][5000]);
}

TEST(Compile, RefusesMoreCombinationsThanTheImageHolds) {
    std::string text = std::string(kHead) + "services:\n";
    for (int i = 0; i < 2000; ++i) {
        const auto port = std::to_string(1000 + i);
        text += "  - {name: s" + port + ", ports: [" + port + "/tcp], from: [10." +
                std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24]}\n";
    }
    Place at;
    const auto result = compile(policy_of(text), {}, &at);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ExitCode::PolicyInvalid);
    EXPECT_NE(result.error().message.find("differ in too many ways"), std::string::npos);
    EXPECT_NE(at.line, 0U);
    EXPECT_NE(result.error().message.find("service s"), std::string::npos)
        << result.error().message;
}

TEST(Compile, Holds256ServicesWithSetsOfTheirOwnInEightZones) {
    std::string text = "zones:\n";
    for (int i = 0; i < 8; ++i)
        text += "  z" + std::to_string(i) + ": { interfaces: [eth" + std::to_string(i) + "] }\n";
    text += "services:\n";
    for (int i = 0; i < 256; ++i) {
        const auto n = std::to_string(i);
        text += "  - {name: s" + n + ", ports: [" + std::to_string(1000 + i) + "/tcp], zones: [z" +
                std::to_string(i % 8) + "], from: [10.0." + n + ".0/24]}\n";
    }
    const auto policy = compiled(text);
    EXPECT_EQ(policy.image->head.source_classes, 257U);
    EXPECT_EQ(judge_tcp(policy, "10.0.255.1", 1255, kAny, 7).why, REASON_allowed);
    EXPECT_EQ(judge_tcp(policy, "10.0.254.1", 1255, kAny, 7).why, REASON_source_not_allowed);
}

}  // namespace
}  // namespace portlid::policy::test
