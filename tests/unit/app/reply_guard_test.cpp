// SPDX-License-Identifier: Apache-2.0
// By which interfaces a packet may leave without being seen.
#include "app/reply_guard.hpp"

#include <gtest/gtest.h>

namespace portlid::app {
namespace {

constexpr std::uint32_t kGuarded = 2, kOther = 3, kMaster = 4;
using Interfaces = std::map<std::uint32_t, kernel::Interface>;

kernel::Interface up(std::uint32_t index, const std::string& kind = "") {
    kernel::Interface made;
    made.ifindex = index;
    made.kind = kind;
    made.up = true;
    return made;
}

// eth0 is watched, nothing else.
bool leaks(const kernel::Interface& link, const Interfaces& all = {}) {
    return leaves_unseen(link, all, [](std::uint32_t index) { return index == kGuarded; });
}

TEST(ReplyGuard, WhatIsWatchedDownOrInsideDoesNotLeak) {
    EXPECT_FALSE(leaks(up(kGuarded)));
    EXPECT_FALSE(leaks(up(kOther, "dummy")));
    auto down = up(kOther);
    down.up = false;
    EXPECT_FALSE(leaks(down));
    auto loopback = up(kOther);
    loopback.loopback = true;
    EXPECT_FALSE(leaks(loopback));
    auto docker0 = up(kMaster, "bridge");
    docker0.engine_bridge = true;
    EXPECT_FALSE(leaks(docker0));
    auto port = up(kOther, "veth");
    port.master = kMaster;
    EXPECT_FALSE(leaks(port, {{kMaster, docker0}}));
}

TEST(ReplyGuard, ASecondUplinkATunnelOrAnUnknownVethLeaks) {
    EXPECT_TRUE(leaks(up(kOther)));
    EXPECT_TRUE(leaks(up(kOther, "wireguard")));
    EXPECT_TRUE(leaks(up(kOther, "veth")));
    auto port = up(kOther, "veth");
    port.master = kMaster;
    EXPECT_TRUE(leaks(port, {{kMaster, up(kMaster, "bridge")}}));
}

TEST(ReplyGuard, AVlanLeavesThroughItsParentAMacvlanNeedNot) {
    auto vlan = up(kOther, "vlan");
    vlan.lower = kGuarded;
    EXPECT_FALSE(leaks(vlan));
    vlan.lower = kMaster;
    EXPECT_TRUE(leaks(vlan));
    auto macvlan = up(kOther, "macvlan");
    macvlan.lower = kGuarded;
    EXPECT_TRUE(leaks(macvlan));
}

TEST(ReplyGuard, APortOfAWatchedBondIsSeenThere) {
    auto port = up(kOther);
    port.master = kGuarded;
    EXPECT_FALSE(leaks(port, {{kGuarded, up(kGuarded, "bond")}}));
}

}  // namespace
}  // namespace portlid::app
