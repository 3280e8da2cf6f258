// SPDX-License-Identifier: Apache-2.0
// From where an item can be reached, what that is called, and service ports that nobody uses.
#include "inventory/exposure.hpp"

#include <gtest/gtest.h>

#include "unit/inventory/join.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;
using policy::Reach;

// ---- from where it can be reached, and what that is called -----------------------------------

const std::string kPublicHost = R"(version: 1
mode: enforce
zones:
  public: { interfaces: [uplink], default: drop }
  vpn: { interfaces: ["wg*"], default: allow }
sets:
  office: [203.0.113.0/24]
services:
  - { name: web, ports: [80/tcp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: wide, ports: [7000-7100/tcp] }
)";

struct Outcome {
    Reach now;
    Reach enforced;
    ExposureVerdict verdict;
};

Outcome in_public(const JoinInput& input, std::uint16_t port, Family family = Family::IPv4) {
    const auto items = join(input);
    const auto* item = at(items, port, family);
    if (item == nullptr || item->reach.empty())
        return {Reach::Closed, Reach::Closed, ExposureVerdict::Unused};
    return {item->reach[0].now, item->reach[0].enforced, item->verdict};
}

TEST(Verdict, WithoutAPolicyWhateverIsReachableIsExposed) {
    auto input = input_of({listener("0.0.0.0", 80)});
    input.zones = {{0, "public", false, false}};
    const auto out = in_public(input, 80);
    EXPECT_EQ(out.now, Reach::Open);
    EXPECT_EQ(out.enforced, Reach::Closed);
    EXPECT_EQ(out.verdict, ExposureVerdict::Exposed);
}

TEST(Verdict, WithoutZonesNothingIsReachable) {
    EXPECT_EQ(join(input_of({listener("0.0.0.0", 80)}))[0].verdict, ExposureVerdict::Ok);
}

TEST(Verdict, AnAllowedServiceIsOk) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 80)});
    policy.put_into(input);
    const auto out = in_public(input, 80);
    EXPECT_EQ(out.now, Reach::Open);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
    EXPECT_EQ(at(join(input), 80)->service, "web");
}

TEST(Verdict, AServiceForSomeSourcesIsRestrictedAndOk) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 22)});
    policy.put_into(input);
    const auto out = in_public(input, 22);
    EXPECT_EQ(out.now, Reach::Restricted);
    EXPECT_EQ(out.enforced, Reach::Restricted);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
}

TEST(Verdict, APortThatPortlidDropsEverywhereIsClosed) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 5432)});
    policy.put_into(input);
    input.zones.resize(1);  // no VPN interface is up
    EXPECT_EQ(in_public(input, 5432).verdict, ExposureVerdict::Closed);
}

TEST(Verdict, APortThatTheVpnMayReachIsOkAlthoughThePublicMayNot) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 5432)});
    policy.put_into(input);
    const auto out = in_public(input, 5432);
    EXPECT_EQ(out.now, Reach::Closed);
    EXPECT_EQ(out.verdict, ExposureVerdict::Ok);
}

TEST(Verdict, InMonitorModeOrUnfilteredTheSamePortIsExposed) {
    const LoadedPolicy policy(kPublicHost);
    for (int way = 0; way < 3; ++way) {
        SCOPED_TRACE(way);
        auto input = input_of({listener("0.0.0.0", 5432)});
        policy.put_into(input);
        if (way == 0) input.monitor_only = true;
        if (way == 1) input.zones[0].filtered = false;
        if (way == 2) input.zones[0].force_monitor = true;
        const auto out = in_public(input, 5432);
        EXPECT_EQ(out.now, Reach::Open);
        EXPECT_EQ(out.enforced, Reach::Closed);
        EXPECT_EQ(out.verdict, ExposureVerdict::Exposed);
    }
}

TEST(Verdict, LoopbackAndContainerSocketsAreOutOfReach) {
    const LoadedPolicy policy(kPublicHost);
    auto inner = listener("0.0.0.0", 80);
    inner.socket.netns = kContainer;
    auto input = input_of({listener("127.0.0.1", 6379), listener("::1", 6380), inner});
    policy.put_into(input);
    input.monitor_only = true;
    for (const auto& item : join(input)) {
        if (!item.address) continue;
        SCOPED_TRACE(endpoint(*item.address, item.port));
        for (const auto& zone : item.reach) {
            EXPECT_EQ(zone.now, Reach::Closed);
            EXPECT_EQ(zone.enforced, Reach::Closed);
        }
        EXPECT_EQ(item.verdict, ExposureVerdict::Ok);
    }
}

TEST(Verdict, UfwKeepsAHostsOwnListenerClosedButNotAPublishedPort) {
    auto input = input_of({held(listener("0.0.0.0", 8080), docker_proxy(8079)),
                           held(listener("0.0.0.0", 9000), process(7, "/bin/httpd")),
                           held(listener("0.0.0.0", 9090), process(8, "/bin/httpd", id_of('e')))});
    input.engines = {engine({web()})};
    input.zones = {{0, "public", false, false}};
    input.ufw = ufw("");
    const auto items = join(input);
    for (const std::uint16_t host_owned : std::initializer_list<std::uint16_t>{9000, 9090}) {
        EXPECT_EQ(at(items, host_owned)->reach[0].now, Reach::Closed);
        EXPECT_EQ(at(items, host_owned)->verdict, ExposureVerdict::Ok);
    }
    EXPECT_EQ(at(items, 8080)->ufw, UfwAnswer::Deny);
    EXPECT_EQ(at(items, 8080)->reach[0].now, Reach::Open);
    EXPECT_EQ(at(items, 8080)->verdict, ExposureVerdict::Exposed);
}

TEST(Verdict, UfwJudgesAnIpv6PublishThatOnlyTheProxyServes) {
    auto both = container('e', "web");
    both.published = {publish("0.0.0.0", 8080, 80), publish("::", 8080, 80)};
    auto six = held(listener("::", 8080), docker_proxy(8085));
    six.socket.v6only = true;
    auto input = input_of({held(listener("0.0.0.0", 8080), docker_proxy(8079)), six});
    input.engines = {engine({both})};
    input.zones = {{0, "public", false, false}};
    input.ufw = ufw("");
    EXPECT_EQ(in_public(input, 8080).verdict, ExposureVerdict::Exposed);
    EXPECT_EQ(in_public(input, 8080, Family::IPv6).now, Reach::Closed);
    both.published[1].container_address = ip("fd00::2");
    input.engines = {engine({both})};
    EXPECT_EQ(in_public(input, 8080, Family::IPv6).now, Reach::Open);
}

TEST(Verdict, UfwLimitsAndSomeSourcesAreRestricted) {
    auto input =
        input_of({listener("0.0.0.0", 22), listener("0.0.0.0", 23), listener("0.0.0.0", 24)});
    input.zones = {{0, "public", false, false}};
    input.ufw =
        ufw("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\nallow tcp 23 0.0.0.0/0 any 203.0.113.7 in\n"
            "allow tcp 24 0.0.0.0/0 any 0.0.0.0/0 in\n");
    EXPECT_EQ(in_public(input, 22).now, Reach::Restricted);
    EXPECT_EQ(in_public(input, 23).now, Reach::Restricted);
    EXPECT_EQ(in_public(input, 24).now, Reach::Open);
}

TEST(Verdict, APortPublishedOnLoopbackIsOk) {
    auto local = container('e', "web");
    local.published = {publish("127.0.0.1", 8081, 80)};
    auto input = input_of({});
    input.engines = {engine({local})};
    input.zones = {{0, "public", false, false}};
    EXPECT_EQ(in_public(input, 8081).verdict, ExposureVerdict::Ok);
}

// ---- service ports that nobody listens on ----------------------------------------------------

TEST(Unused, ServicePortsWithoutAListenerAreListedOnce) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 22)});
    policy.put_into(input);
    std::vector<unsigned> unused;
    for (const auto& item : join(input)) {
        if (item.verdict != ExposureVerdict::Unused) continue;
        unused.push_back(item.port.value);
        EXPECT_FALSE(item.address);
        EXPECT_FALSE(item.holder);
        EXPECT_FALSE(item.service.empty());
    }
    EXPECT_EQ(unused, (std::vector<unsigned>{80, 7000}));
}

TEST(Unused, OneListenerAnywhereInAWideRangeUsesIt) {
    const LoadedPolicy policy(kPublicHost);
    auto input = input_of({listener("0.0.0.0", 7100), listener("::", 80), listener("0.0.0.0", 22)});
    policy.put_into(input);
    for (const auto& item : join(input)) EXPECT_NE(item.verdict, ExposureVerdict::Unused);
}

TEST(Unused, TcpAndUdpPortsAreToldApart) {
    const LoadedPolicy policy(
        "version: 1\nzones:\n  public: { interfaces: [uplink], default: drop }\nservices:\n"
        "  - { name: dns, ports: [53/tcp, 53/udp, 65535/udp] }\n");
    auto input = input_of({listener("0.0.0.0", 53, IPPROTO_UDP)});
    policy.put_into(input);
    std::vector<std::pair<unsigned, unsigned>> unused;
    for (const auto& item : join(input))
        if (item.verdict == ExposureVerdict::Unused)
            unused.emplace_back(item.protocol, item.port.value);
    EXPECT_EQ(unused, (std::vector<std::pair<unsigned, unsigned>>{{6, 53}, {17, 65535}}));
}

}  // namespace
}  // namespace portlid::inventory
