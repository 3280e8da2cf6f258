// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kZones =
    "zones:\n"
    "  public: { interfaces: [uplink], default: drop }\n"
    "  strict: { interfaces: [eth1], default: drop, mode: enforce }\n"
    "  vpn: { interfaces: [wg0], default: allow }\n"
    "services:\n"
    "  - { name: web, ports: [80/tcp] }\n"
    "  - { name: ssh, ports: [22/tcp], from: [203.0.113.0/24] }\n"
    "  - { name: one, ports: [81/tcp], addresses: [192.0.2.1] }\n"
    "  - { name: all, ports: [82/tcp], from: [0.0.0.0/0, \"::/0\"] }\n"
    "  - { name: web2, ports: [80/tcp, 80/udp] }\n";

PortReach reach(unsigned zone, std::uint16_t port, const std::string& to = "0.0.0.0") {
    static const auto policy = compiled(kZones);
    return port_reach(policy, zone, IPPROTO_TCP, address(to), {port});
}

struct ReachRow {
    const char* sentence;
    unsigned zone;
    std::uint16_t port;
    const char* to;
    Reach now;
    Reach enforced;
};

const ReachRow kReachRows[] = {
    {"an allowed port is open", 1, 80, "0.0.0.0", Reach::Open, Reach::Open},
    {"a closed port is open while the zone only monitors", 0, 8080, "0.0.0.0", Reach::Open,
     Reach::Closed},
    {"a closed port is closed where the zone enforces", 1, 8080, "0.0.0.0", Reach::Closed,
     Reach::Closed},
    {"from restricts", 1, 22, "0.0.0.0", Reach::Restricted, Reach::Restricted},
    {"an IPv4 set restricts nobody in IPv6: it closes", 1, 22, "::", Reach::Closed, Reach::Closed},
    {"a zone that allows by default is open", 2, 8080, "::", Reach::Open, Reach::Open},
    {"except where a service names the port", 2, 22, "0.0.0.0", Reach::Open, Reach::Restricted},
    {"any address takes the widest answer", 1, 81, "0.0.0.0", Reach::Open, Reach::Open},
    {"a named address is open", 1, 81, "192.0.2.1", Reach::Open, Reach::Open},
    {"another address is closed", 1, 81, "192.0.2.2", Reach::Closed, Reach::Closed},
    {"no named address in IPv6", 1, 81, "::", Reach::Closed, Reach::Closed},
    {"a list of everybody is everybody", 1, 82, "0.0.0.0", Reach::Open, Reach::Open},
    {"in both families", 1, 82, "::", Reach::Open, Reach::Open},
};

TEST(PortReach, AnswersForModesFamiliesAndAddresses) {
    for (const auto& row : kReachRows) {
        SCOPED_TRACE(row.sentence);
        const auto answer = reach(row.zone, row.port, row.to);
        EXPECT_STREQ(to_string(answer.now), to_string(row.now));
        EXPECT_STREQ(to_string(answer.enforced), to_string(row.enforced));
    }
}

TEST(PortReach, NamesTheRuleThatDecidesForAStranger) {
    const auto policy = compiled(kZones);
    const auto rule = [&](std::uint16_t port) {
        return policy.rules
            .at(port_reach(policy, 1, IPPROTO_TCP, IpAddress::any(Family::IPv4), {port}).rule)
            .name;
    };
    EXPECT_EQ(rule(80), "web");
    EXPECT_EQ(rule(22), "ssh");
    EXPECT_EQ(rule(8080), "strict default");
    EXPECT_EQ(rule(81), "one");
}

TEST(PortReach, SeesWhatADenySetTakesAway) {
    const auto policy = compiled(
        "mode: enforce\nzones: { a: { interfaces: [x] } }\ndeny: [203.0.113.0/24]\n"
        "services: [{ name: ssh, ports: [22/tcp], from: [203.0.113.0/25] },"
        " { name: web, ports: [80/tcp] }]\n");
    const auto any = IpAddress::any(Family::IPv4);
    EXPECT_EQ(port_reach(policy, 0, IPPROTO_TCP, any, {22}).enforced, Reach::Closed);
    EXPECT_EQ(port_reach(policy, 0, IPPROTO_TCP, any, {80}).enforced, Reach::Open);
}

TEST(PortReach, ClaimsNothingForZonesAndProtocolsThatAreNotThere) {
    const auto policy = compiled(kZones);
    const auto any = IpAddress::any(Family::IPv4);
    EXPECT_EQ(port_reach(policy, 7, IPPROTO_TCP, any, {80}).now, Reach::Closed);
    EXPECT_EQ(port_reach(policy, 900, IPPROTO_TCP, any, {80}).now, Reach::Closed);
    EXPECT_EQ(port_reach(policy, 0, IPPROTO_GRE, any, {80}).now, Reach::Closed);
}

TEST(PortReach, AgreesWithThePipelineForAStranger) {
    const auto policy = compiled(kZones);
    for (unsigned zone = 0; zone < 3; ++zone) {
        for (const std::uint16_t port :
             std::initializer_list<std::uint16_t>{22, 80, 81, 82, 8080}) {
            const auto judged = judge_tcp(policy, "198.51.100.9", port, "192.0.2.1", zone);
            const auto answer = port_reach(policy, zone, IPPROTO_TCP, address("192.0.2.1"), {port});
            EXPECT_EQ(judged.verdict == VERDICT_allow, answer.enforced == Reach::Open) << port;
            EXPECT_EQ(judged.verdict != VERDICT_drop, answer.now == Reach::Open) << port;
        }
    }
}

TEST(ServiceOn, NamesEveryServiceOfThePort) {
    const auto policy = policy_of(kZones);
    EXPECT_EQ(service_on(policy, IPPROTO_TCP, {80}), "web, web2");
    EXPECT_EQ(service_on(policy, IPPROTO_UDP, {80}), "web2");
    EXPECT_EQ(service_on(policy, IPPROTO_TCP, {79}), "");
}

}  // namespace
}  // namespace portlid::policy::test
