// SPDX-License-Identifier: Apache-2.0
// What overlays make of a policy, and when which stage is in force.
#include <gtest/gtest.h>

#include "policy/load.hpp"
#include "rollout/stages.hpp"

namespace portlid::rollout {
namespace {

constexpr const char* kPolicy = R"(version: 1
mode: monitor
zones:
  public: { interfaces: [eth0] }
  lan: { interfaces: [eth1] }
sets:
  office: [203.0.113.7]
deny: [office]
services:
  - { name: ssh, ports: [22/tcp], from: [office], mode: enforce }
  - { name: web, ports: [80/tcp] }
)";

policy::Policy overlaid_base() {
    auto outcome = policy::load_text(kPolicy, "policy.yaml", ".");
    EXPECT_TRUE(outcome.ok());
    return outcome.policy;
}

constexpr BootTime at(std::uint64_t seconds) {
    return {seconds * 1'000'000'000};
}

policy::Mode service_mode(const policy::Policy& policy, std::size_t zone, std::size_t service) {
    return policy::mode_of(policy, policy.zones[zone], policy.services[service]);
}

ModeOverride force(policy::Mode mode, std::string zone = {}, std::string rule = {}) {
    ModeOverride change;
    change.mode = mode;
    change.zone = std::move(zone);
    change.rule = std::move(rule);
    return change;
}

TEST(Overlay, MonitorForAllBeatsAServiceThatEnforces) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Monitor));
    const auto policy = overlay(overlaid_base(), overlays, at(1));
    EXPECT_EQ(service_mode(overlaid_base(), 0, 0), policy::Mode::Enforce);
    EXPECT_EQ(service_mode(policy, 0, 0), policy::Mode::Monitor);
}

TEST(Overlay, ARulePromotedInAZoneLeavesTheRestAlone) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Enforce, "public", "web"));
    const auto policy = overlay(overlaid_base(), overlays, at(1));
    EXPECT_EQ(service_mode(policy, 0, 1), policy::Mode::Enforce);
    EXPECT_EQ(service_mode(policy, 1, 1), policy::Mode::Monitor);
    EXPECT_EQ(policy::mode_of(policy, policy.zones[0]), policy::Mode::Monitor);
}

TEST(Overlay, TheZonesOwnRulesCanBePromotedAlone) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Enforce, "", "public default"));
    const auto policy = overlay(overlaid_base(), overlays, at(1));
    EXPECT_EQ(policy::mode_of(policy, policy.zones[0]), policy::Mode::Enforce);
    EXPECT_EQ(policy::mode_of(policy, policy.zones[1]), policy::Mode::Monitor);
    EXPECT_EQ(service_mode(policy, 0, 1), policy::Mode::Monitor);
}

TEST(Overlay, ALaterWideOverrideDropsEarlierNarrowOnes) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Enforce, "public", "web"));
    overlays.modes.push_back(force(policy::Mode::Monitor));
    EXPECT_EQ(service_mode(overlay(overlaid_base(), overlays, at(1)), 0, 1), policy::Mode::Monitor);
    overlays.modes.back().mode.reset();
    EXPECT_EQ(service_mode(overlay(overlaid_base(), overlays, at(1)), 0, 0), policy::Mode::Enforce);
}

TEST(Overlay, AnOpeningIsAServiceUntilItEnds) {
    Overlays overlays;
    overlays.openings.push_back({{policy::PortProtocol::Tcp, 8080, 8080},
                                 {*Cidr::parse("198.51.100.0/24")},
                                 "public",
                                 at(10),
                                 {}});
    const auto during = overlay(overlaid_base(), overlays, at(9));
    ASSERT_EQ(during.services.size(), 3U);
    EXPECT_EQ(during.services[2].name, "allow 8080/tcp");
    EXPECT_FALSE(during.services[2].from_any);
    EXPECT_EQ(overlay(overlaid_base(), overlays, at(10)).services.size(), 2U);
}

TEST(Overlay, TwoOpeningsOfOnePortHaveTwoNames) {
    Overlays overlays;
    overlays.openings.assign(2, {{policy::PortProtocol::Tcp, 8080, 8080}, {}, "", {}, {}});
    const auto policy = overlay(overlaid_base(), overlays, at(1));
    EXPECT_EQ(policy.services[3].name, "allow 8080/tcp (2)");
}

TEST(Overlay, ASetMemberReachesEveryListThatNamesTheSet) {
    Overlays overlays;
    const auto home = *Cidr::parse("192.0.2.1");
    overlays.sets.push_back({"office", home, true, {}, {}});
    const auto policy = overlay(overlaid_base(), overlays, at(1));
    EXPECT_EQ(policy.deny.size(), 2U);
    EXPECT_EQ(policy.services[0].from.back(), home);
    overlays.sets.push_back({"office", *Cidr::parse("203.0.113.7"), false, {}, {}});
    EXPECT_EQ(overlay(overlaid_base(), overlays, at(1)).services[0].from, std::vector<Cidr>{home});
}

TEST(Overlay, NamesThatAreGoneChangeNothingAndAreTold) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Enforce, "dmz"));
    overlays.sets.push_back({"home", *Cidr::parse("192.0.2.1"), true, {}, {}});
    EXPECT_TRUE(misses(overlaid_base(), overlays.modes[0]));
    EXPECT_TRUE(misses(overlaid_base(), overlays.sets[0]));
    EXPECT_TRUE(misses(overlaid_base(), force(policy::Mode::Enforce, "", "nothing")));
    EXPECT_FALSE(misses(overlaid_base(), force(policy::Mode::Enforce, "", "lan default")));
    EXPECT_EQ(policy::mode_of(overlay(overlaid_base(), overlays, at(1)), overlaid_base().zones[0]),
              policy::Mode::Monitor);
}

TEST(Stages, WithoutInstantsThereIsOne) {
    const auto policy = overlaid_base();
    const Overlays none;
    const auto list = stages({&policy, nullptr, {}, &none}, at(1), 4);
    ASSERT_EQ(list.size(), 1U);
    EXPECT_FALSE(list[0].until);
}

TEST(Stages, AnUnconfirmedPolicyGivesWayAtItsDeadline) {
    const auto confirmed = overlaid_base();
    auto pending = overlaid_base();
    pending.services.clear();
    const Overlays none;
    const auto list = stages({&confirmed, &pending, at(60), &none}, at(1), 4);
    ASSERT_EQ(list.size(), 2U);
    EXPECT_TRUE(list[0].pending);
    EXPECT_EQ(list[0].until, at(60));
    EXPECT_TRUE(list[0].policy.services.empty());
    EXPECT_EQ(list[1].policy.services.size(), 2U);
    EXPECT_FALSE(list[1].until);
}

TEST(Stages, MoreInstantsThanRoomEndEarlyNeverLate) {
    const auto policy = overlaid_base();
    Overlays overlays;
    for (std::uint16_t port = 1; port <= 6; ++port)
        overlays.openings.push_back(
            {{policy::PortProtocol::Tcp, port, port}, {}, "", at(10ULL * port), {}});
    const auto list = stages({&policy, nullptr, {}, &overlays}, at(1), 4);
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].policy.services.size(), 2U + 6U);
    EXPECT_EQ(list[2].until, at(30));
    EXPECT_EQ(list[3].policy.services.size(), 2U);
}

// Daemon dead, room for three instants, six openings that end first: what forbids ends in its time.
TEST(Stages, WhatWouldOpenByEndingEarlyIsKeptToThePoint) {
    const auto policy = overlaid_base();
    Overlays overlays;
    for (std::uint16_t port = 1; port <= 6; ++port)
        overlays.openings.push_back(
            {{policy::PortProtocol::Tcp, port, port}, {}, "", at(10ULL * port), {}});
    overlays.modes.push_back(force(policy::Mode::Enforce));
    overlays.modes.back().until = at(100);
    overlays.sets.push_back({"office", *Cidr::parse("192.0.2.1"), true, at(90), {}});  // denied
    const auto list = stages({&policy, nullptr, {}, &overlays}, at(1), 4);
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].until, at(10));  // exact, for a daemon that lives
    EXPECT_EQ(list[0].policy.services.size(), 2U + 6U);
    EXPECT_EQ(list[1].until, at(90));
    EXPECT_EQ(list[1].policy.services.size(), 2U);  // closed early
    EXPECT_EQ(list[1].policy.deny.size(), 2U);
    EXPECT_EQ(list[2].until, at(100));
    EXPECT_EQ(list[2].policy.deny.size(), 1U);
    EXPECT_EQ(service_mode(list[2].policy, 0, 1), policy::Mode::Enforce);
    EXPECT_EQ(service_mode(list[3].policy, 0, 1), policy::Mode::Monitor);
}

TEST(Stages, ADeadlineOfAConfirmationGoesBeforeEveryOtherEnd) {
    const auto policy = overlaid_base();
    Overlays overlays;
    for (std::uint64_t end = 1; end <= 9; ++end) {
        overlays.modes.push_back(force(policy::Mode::Enforce, "lan"));
        overlays.modes.back().until = at(10 * end);
    }
    const auto list = stages({&policy, &policy, at(300), &overlays}, at(1), 4);
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[2].until, at(300));
    EXPECT_TRUE(list[2].pending);
    EXPECT_FALSE(list[3].pending);
}

TEST(Stages, MoreFirmEndsThanTheKernelKeepsAreRefused) {
    const auto policy = overlaid_base();
    Overlays overlays;
    for (std::uint8_t end = 1; end <= 5; ++end)
        overlays.sets.push_back({"office", *Cidr::parse("203.0.113.7"), false, at(end), {}});
    for (std::uint16_t port = 1; port <= 6; ++port)
        overlays.openings.push_back(
            {{policy::PortProtocol::Tcp, port, port}, {}, "", at(10ULL * port), {}});
    const Overlays none;
    const Plan before{&policy, nullptr, {}, &none};
    const Plan plan{&policy, nullptr, {}, &overlays};
    EXPECT_TRUE(refuse_too_many_ends(plan, before, at(0), 8));
    overlays.modes.push_back(force(policy::Mode::Monitor));
    overlays.modes.back().until = at(9);
    const auto refused = refuse_too_many_ends(plan, before, at(0), 8);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("keeps 5 ends"), std::string::npos);
    EXPECT_TRUE(refuse_too_many_ends(plan, plan, at(0), 8)) << "as many as there are already";
    EXPECT_TRUE(refuse_too_many_ends(plan, before, at(1), 8));  // one has ended
    overlays.modes.back().unconfirmed = true;                   // has a place of its own
    EXPECT_TRUE(refuse_too_many_ends(plan, before, at(0), 8));
}

TEST(Ends, AreSortedAndEachOnce) {
    Overlays overlays;
    overlays.modes.push_back(force(policy::Mode::Monitor));
    overlays.modes.back().until = at(20);
    overlays.sets.push_back({"office", {}, true, at(10), {}});
    overlays.sets.push_back({"office", {}, true, at(20), {}});
    EXPECT_EQ(ends(overlays, at(1)), (std::vector<BootTime>{at(10), at(20)}));
    EXPECT_TRUE(drop_ended(overlays, at(10)));
    EXPECT_FALSE(drop_ended(overlays, at(11)));
    EXPECT_EQ(ends(overlays, at(11)), std::vector<BootTime>{at(20)});
}

}  // namespace
}  // namespace portlid::rollout
