// SPDX-License-Identifier: Apache-2.0
#include "policy/select.hpp"

#include "support.hpp"

namespace portlid::policy::test {
namespace {

Policy zones() {
    return policy_of(
        "zones:\n"
        "  public: { interfaces: [uplink], catch_all: true }\n"
        "  vpn: { interfaces: [\"wg*\", tailscale0, \"veth*\"], default: allow }\n"
        "  lab: { interfaces: [wg7, veth3, br-9, lo], default: allow }\n");
}

InterfaceFacts hardware(const std::string& name) {
    InterfaceFacts facts;
    facts.name = name;
    facts.hardware = true;
    return facts;
}

InterfaceFacts virtual_one(const std::string& name, const std::string& kind) {
    InterfaceFacts facts;
    facts.name = name;
    facts.kind = kind;
    return facts;
}

TEST(ChooseZone, PrefersAnExactNameToAGlobToUplink) {
    const auto policy = zones();
    auto facts = virtual_one("wg7", "wireguard");
    facts.uplink = true;
    EXPECT_EQ(choose_zone(policy, facts, true)->zone, 2U);
    EXPECT_EQ(choose_zone(policy, facts, true)->why, "named in zone lab");
    facts.name = "wg8";
    EXPECT_EQ(choose_zone(policy, facts, true)->why, "glob wg*");
    facts.name = "ppp0";
    EXPECT_EQ(choose_zone(policy, facts, true)->why, "uplink");
}

TEST(ChooseZone, NeverPicksLoopbackEvenByName) {
    auto facts = virtual_one("lo", "");
    facts.loopback = true;
    facts.uplink = true;
    EXPECT_FALSE(choose_zone(zones(), facts, true));
}

TEST(ChooseZone, NeverPicksABridgePortByGlobButByName) {
    auto facts = virtual_one("veth1", "veth");
    facts.bridge_port = true;
    EXPECT_FALSE(choose_zone(zones(), facts, true));
    facts.name = "veth3";
    EXPECT_EQ(choose_zone(zones(), facts, true)->zone, 2U);
}

TEST(ChooseZone, NeverPicksAnEngineBridgeByUplinkButByName) {
    auto facts = virtual_one("docker0", "bridge");
    facts.engine_bridge = true;
    facts.uplink = true;
    EXPECT_FALSE(choose_zone(zones(), facts, true));
    facts.name = "br-9";
    EXPECT_EQ(choose_zone(zones(), facts, true)->zone, 2U);
}

TEST(ChooseZone, PicksAnOperatorsBridgeAsUplink) {
    auto facts = virtual_one("br0", "bridge");
    facts.uplink = true;
    EXPECT_EQ(choose_zone(zones(), facts, true)->why, "uplink");
}

TEST(ChooseZone, CountsHardwareAsUplinkUntilOneWasSeen) {
    const auto facts = hardware("eth0");
    const auto before = choose_zone(zones(), facts, false);
    EXPECT_EQ(before->why, "uplink");
    EXPECT_FALSE(before->force_monitor);
    const auto after = choose_zone(zones(), facts, true);
    EXPECT_EQ(after->why, "catch_all");
    EXPECT_TRUE(after->force_monitor);
}

TEST(ChooseZone, CatchesHardwareOnly) {
    EXPECT_TRUE(choose_zone(zones(), hardware("eth1"), true)->force_monitor);
    EXPECT_FALSE(choose_zone(zones(), virtual_one("tun0", "tun"), true));
    auto port = hardware("eth2");
    port.bridge_port = true;
    EXPECT_FALSE(choose_zone(zones(), port, true));
}

TEST(ChooseZone, LeavesHardwareAloneWithoutACatchAllZone) {
    const auto policy = policy_of("zones: { a: { interfaces: [uplink] } }");
    EXPECT_FALSE(choose_zone(policy, hardware("eth1"), true));
}

}  // namespace
}  // namespace portlid::policy::test
