// SPDX-License-Identifier: Apache-2.0
// Who judges a packet that crosses several interfaces: one of them.
#include "app/layers.hpp"

#include <gtest/gtest.h>

namespace portlid::app {
namespace {

constexpr std::uint32_t kEth0 = 2, kEth1 = 3, kBond = 4, kVlan = 5, kInner = 6;

kernel::Interface link(std::uint32_t index, const std::string& name, const std::string& kind,
                       std::uint32_t lower = 0, std::uint32_t master = 0) {
    kernel::Interface made;
    made.ifindex = index;
    made.name = name;
    made.kind = kind;
    made.lower = lower;
    made.master = master;
    return made;
}

Links links(const std::vector<kernel::Interface>& all) {
    Links made;
    for (const auto& one : all) made.emplace(one.ifindex, one);
    return made;
}

policy::ZoneChoice zone(unsigned number) {
    return {.zone = number, .force_monitor = false, .why = ""};
}

policy::ZoneChoice uncovered(unsigned number) {
    return {.zone = number, .force_monitor = true, .why = "catch_all"};
}

std::vector<std::uint32_t> attached(const Links& all, const Chosen& chosen) {
    std::vector<std::uint32_t> indexes;
    for (const auto& [index, choice] : judged_once(all, chosen)) indexes.push_back(index);
    return indexes;
}
using Indexes = std::vector<std::uint32_t>;

Links vlan_on_eth0() {
    return links({link(kEth0, "eth0", ""), link(kVlan, "eth0.7", "vlan", kEth0)});
}

TEST(Layers, LeavesAVlanToItsParentOfTheSameZone) {
    const Chosen both{{kEth0, zone(0)}, {kVlan, zone(0)}};
    EXPECT_EQ(attached(vlan_on_eth0(), both), Indexes{kEth0});
    EXPECT_EQ(judged_by(vlan_on_eth0(), both, kVlan), kEth0);
    EXPECT_EQ(judged_by(vlan_on_eth0(), both, kEth0), 0U);
}

TEST(Layers, KeepsAVlanWhoseParentIsNotCovered) {
    EXPECT_EQ(attached(vlan_on_eth0(), {{kVlan, zone(0)}}), Indexes{kVlan});
}

TEST(Layers, KeepsBothWhereTheirZonesOrModesDiffer) {
    EXPECT_EQ(attached(vlan_on_eth0(), {{kEth0, zone(0)}, {kVlan, zone(1)}}),
              (Indexes{kEth0, kVlan}));
    // The parent would only watch: leaving the VLAN to it would open the VLAN.
    EXPECT_EQ(attached(vlan_on_eth0(), {{kEth0, uncovered(0)}, {kVlan, zone(0)}}),
              (Indexes{kEth0, kVlan}));
}

TEST(Layers, KeepsWhatCannotBeReadBelow) {
    const auto all = links({link(kEth0, "eth0", ""), link(kVlan, "vx0", "vxlan", kEth0),
                            link(kInner, "sec0", "macsec", kEth0)});
    const Chosen chosen{{kEth0, zone(0)}, {kVlan, zone(0)}, {kInner, zone(0)}};
    EXPECT_EQ(attached(all, chosen), (Indexes{kEth0, kVlan, kInner}));
}

TEST(Layers, NeverTakesAVethsOtherEndForWhatIsBelow) {
    const auto all = links({link(kEth0, "up0", "veth", kEth1), link(kEth1, "far0", "veth", kEth0)});
    EXPECT_EQ(attached(all, {{kEth0, zone(0)}, {kEth1, zone(0)}}), (Indexes{kEth0, kEth1}));
}

Links bond() {
    return links({link(kEth0, "eth0", "", 0, kBond), link(kEth1, "eth1", "", 0, kBond),
                  link(kBond, "bond0", "bond"), link(kVlan, "bond0.7", "vlan", kBond),
                  link(kInner, "bond0.7.8", "vlan", kVlan)});
}

TEST(Layers, JudgesABondAtTheBond) {
    const Chosen chosen{{kEth0, uncovered(0)}, {kEth1, zone(0)}, {kBond, zone(0)}};
    EXPECT_EQ(attached(bond(), chosen), Indexes{kBond});
}

TEST(Layers, KeepsAPortThatAnotherZoneTakes) {
    EXPECT_EQ(attached(bond(), {{kEth0, zone(1)}, {kBond, zone(0)}}), (Indexes{kEth0, kBond}));
}

TEST(Layers, KeepsThePortsOfABondThatIsNotCovered) {
    EXPECT_EQ(attached(bond(), {{kEth0, zone(0)}, {kEth1, zone(0)}}), (Indexes{kEth0, kEth1}));
}

TEST(Layers, FollowsVlansInVlansDownToTheBond) {
    const Chosen chosen{{kBond, zone(0)}, {kVlan, zone(0)}, {kInner, zone(0)}};
    EXPECT_EQ(attached(bond(), chosen), Indexes{kBond});
    EXPECT_EQ(attached(bond(), {{kBond, zone(0)}, {kInner, zone(0)}}), Indexes{kBond});
}

TEST(Layers, EndsOnALoopOfLinks) {
    const auto all = links({link(kVlan, "a", "vlan", kInner), link(kInner, "b", "vlan", kVlan)});
    EXPECT_EQ(judged_by(all, {{kVlan, zone(0)}}, kVlan), 0U);
}

}  // namespace
}  // namespace portlid::app
