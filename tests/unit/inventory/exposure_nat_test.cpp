// SPDX-License-Identifier: Apache-2.0
// Publications that only a NAT rule tells of.
#include "inventory/exposure.hpp"

#include <gtest/gtest.h>

#include "unit/inventory/join.hpp"

namespace portlid::inventory {
namespace {

using namespace fixtures;

nat::DnatRule dnat(const char* host, std::uint16_t port, const char* inner,
                   std::uint16_t inner_port) {
    return {IPPROTO_TCP, ip(host), {port}, {port}, ip(inner), {inner_port}, {inner_port}};
}

std::shared_ptr<const nat::Rules> rules(std::vector<nat::DnatRule> dnat) {
    auto out = std::make_shared<nat::Rules>();
    out->version = 1;
    out->dnat = std::move(dnat);
    return out;
}

// Userland proxy off and no engine to ask: the rule is all there is.
TEST(ExposureOfNat, ARuleAloneIsAPublicationWithoutAContainerName) {
    JoinInput input;
    input.host_netns = kHost;
    input.zones = {{0, "public", true, false}};
    input.ufw = ufw("");
    input.nat = rules({dnat("0.0.0.0", 8080, "172.17.0.2", 80)});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].published->container_port.value, 80);
    EXPECT_FALSE(items[0].published->proxy);
    EXPECT_EQ(items[0].holder, nullptr);
    EXPECT_EQ(items[0].ufw, UfwAnswer::Deny);
    EXPECT_EQ(items[0].reach[0].now, policy::Reach::Open) << "DNAT goes round UFW";
}

TEST(ExposureOfNat, ADaemonThatOnlyHoldsThePortIsNotItsServer) {
    JoinInput input;
    input.host_netns = kHost;
    input.zones = {{0, "public", true, false}};
    input.nat = rules({dnat("0.0.0.0", 8080, "172.17.0.2", 80)});
    input.listeners = {held(listener("0.0.0.0", 8080), process(70, "/usr/sbin/dockerd")),
                       held(listener("127.0.0.1", 8080), process(71, "/bin/local"))};
    const auto items = join(input);
    ASSERT_EQ(items.size(), 2U);
    for (const auto& item : items)
        EXPECT_EQ(item.published.has_value(), item.address == ip("0.0.0.0"));
    EXPECT_FALSE(items[0].holder->container);
}

TEST(ExposureOfNat, TheEnginesWordGoesBeforeTheRules) {
    auto web = container('a', "web");
    web.published = {publish("0.0.0.0", 8080, 80)};
    JoinInput input;
    input.host_netns = kHost;
    input.engines = {engine({web})};
    input.nat =
        rules({dnat("0.0.0.0", 8080, "172.17.0.9", 8081), dnat("0.0.0.0", 9090, "172.17.0.9", 90)});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].holder->container->name, "web");
    EXPECT_EQ(items[0].published->container_port.value, 80);
    EXPECT_EQ(items[1].holder, nullptr);
}

TEST(ExposureOfNat, ARangeIsEachOfItsPortsAndAWideOneOnlyItsFirst) {
    JoinInput input;
    input.host_netns = kHost;
    input.nat = rules({{IPPROTO_UDP, ip("::"), {7000}, {7003}, ip("fd00::2"), {8000}, {8003}},
                       {IPPROTO_TCP, ip("192.0.2.7"), {1}, {65535}, ip("10.0.0.2"), {}, {}}});
    const auto items = join(input);
    ASSERT_EQ(items.size(), 5U);
    EXPECT_EQ(items[0].port.value, 1);
    EXPECT_EQ(items[4].port.value, 7003);
    EXPECT_EQ(items[4].published->container_port.value, 8003);
}

}  // namespace
}  // namespace portlid::inventory
