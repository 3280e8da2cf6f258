// SPDX-License-Identifier: Apache-2.0
// Which run-time change a judged flow counts for.
#include <gtest/gtest.h>

#include "policy/load.hpp"
#include "rollout/hits.hpp"

namespace portlid::rollout {
namespace {

policy::Policy base() {
    auto outcome = policy::load_text(R"(version: 1
mode: enforce
zones:
  public: { interfaces: [eth0] }
  lan: { interfaces: [eth1] }
sets:
  office: [203.0.113.7]
  bad: [192.0.2.66]
  spare: [192.0.2.1]
deny: [bad]
services:
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: web, ports: [80/tcp], limit: { new: 6/30s, exempt: [spare] } }
failsafe:
  - { ports: [2222/tcp], from: [office] }
)",
                                     "policy.yaml", ".");
    EXPECT_TRUE(outcome.ok());
    return outcome.policy;
}

// 5 packets, 2 of them SYNs, to 8080/tcp in zone public, which an opening let in.
Judged let_in(const char* source = "198.51.100.9") {
    Judged judged;
    judged.source = *IpAddress::parse(source);
    judged.zone = "public";
    judged.protocol = 6;
    judged.port = {8080};
    judged.why = REASON_allowed;
    judged.rule = "allow 8080/tcp";
    judged.packets = 5;
    judged.syns = 2;
    return judged;
}

Judged judged_as(verdict_word verdict, reason why, const char* rule, const char* source) {
    auto judged = let_in(source);
    judged.verdict = verdict;
    judged.why = why;
    judged.rule = rule;
    return judged;
}

std::uint64_t hits_of(Opening opening, const Judged& judged) {
    Overlays overlays;
    overlays.openings = {std::move(opening)};
    const bool changed = count_hits(overlays, base(), judged);
    EXPECT_EQ(changed, overlays.openings[0].hits != 0);
    return overlays.openings[0].hits;
}
std::uint64_t hits_of(ModeOverride mode, const Judged& judged) {
    Overlays overlays;
    overlays.modes = {std::move(mode)};
    (void)count_hits(overlays, base(), judged);
    return overlays.modes[0].hits;
}
std::uint64_t hits_of(SetChange change, const Judged& judged) {
    Overlays overlays;
    overlays.sets = {std::move(change)};
    (void)count_hits(overlays, base(), judged);
    return overlays.sets[0].hits;
}

Opening opening(std::vector<Cidr> from = {}, std::string zone = {}) {
    return {{policy::PortProtocol::Tcp, 8080, 8080}, std::move(from), std::move(zone), {}, {}};
}

TEST(Hits, OfAnOpeningAreTheFlowsThatItLetIn) {
    EXPECT_EQ(hits_of(opening(), let_in()), 2U);
    auto second = let_in();
    second.rule = "allow 8080/tcp (2)";
    EXPECT_EQ(hits_of(opening(), second), 2U);
    auto other = let_in();
    other.rule = "web";
    EXPECT_EQ(hits_of(opening(), other), 0U) << "a service of the file let it in";
    other.rule = "allow 8080/tcp-old";
    EXPECT_EQ(hits_of(opening(), other), 0U);
    auto udp = let_in();
    udp.protocol = 17;
    udp.rule = "allow 53/udp";
    Opening dns{{policy::PortProtocol::Udp, 53, 53}, {}, {}, {}, {}};
    EXPECT_EQ(hits_of(dns, udp), 5U) << "no handshake: packets";
}

TEST(Hits, OfAnOpeningAreOfItsSourcesAndZoneOnly) {
    EXPECT_EQ(hits_of(opening({*Cidr::parse("198.51.100.0/24")}, "public"), let_in()), 2U);
    EXPECT_EQ(hits_of(opening({*Cidr::parse("203.0.113.0/24")}), let_in()), 0U);
    EXPECT_EQ(hits_of(opening({}, "lan"), let_in()), 0U);
    // A source of IPv6 is known by its /64.
    const std::vector<Cidr> one = {*Cidr::parse("2001:db8:1:2::9")};
    EXPECT_EQ(hits_of(opening(one), let_in("2001:db8:1:2::")), 2U);
    EXPECT_EQ(hits_of(opening(one), let_in("2001:db8:1:3::")), 0U);
}

TEST(Hits, OfAForcedModeAreWhatItDroppedOrSpared) {
    ModeOverride enforce;
    enforce.mode = policy::Mode::Enforce;
    enforce.rule = "ssh";
    const auto dropped = judged_as(VERDICT_drop, REASON_source_not_allowed, "ssh", "198.51.100.9");
    EXPECT_EQ(hits_of(enforce, dropped), 5U);
    EXPECT_EQ(hits_of(enforce, judged_as(VERDICT_drop, REASON_limited, "web", "198.51.100.9")), 0U);
    EXPECT_EQ(hits_of(enforce, let_in()), 0U);
    ModeOverride monitor;
    monitor.mode = policy::Mode::Monitor;
    monitor.zone = "public";
    EXPECT_EQ(hits_of(monitor, dropped), 0U) << "a narrower mode dropped it";
    auto spared = dropped;
    spared.verdict = VERDICT_would_drop;
    EXPECT_EQ(hits_of(monitor, spared), 5U);
    spared.zone = "lan";
    EXPECT_EQ(hits_of(monitor, spared), 0U);
}

TEST(Hits, OfASetsMemberAreWhatRulesThatNameTheSetMadeOfIt) {
    const SetChange home{"office", *Cidr::parse("198.51.100.0/24"), true, {}, {}};
    EXPECT_EQ(hits_of(home, judged_as(VERDICT_allow, REASON_allowed, "ssh", "198.51.100.9")), 2U);
    EXPECT_EQ(hits_of(home, judged_as(VERDICT_allow, REASON_allowed, "ssh", "203.0.113.7")), 0U);
    EXPECT_EQ(hits_of(home, judged_as(VERDICT_allow, REASON_allowed, "web", "198.51.100.9")), 0U);
    EXPECT_EQ(hits_of(home, judged_as(VERDICT_allow, REASON_failsafe, "failsafe", "198.51.100.9")),
              2U);
    const SetChange bad{"bad", *Cidr::parse("198.51.100.9"), true, {}, {}};
    EXPECT_EQ(hits_of(bad, judged_as(VERDICT_drop, REASON_denied, "deny", "198.51.100.9")), 5U);
    const SetChange gone{"office", *Cidr::parse("203.0.113.7"), false, {}, {}};
    EXPECT_EQ(
        hits_of(gone, judged_as(VERDICT_drop, REASON_source_not_allowed, "ssh", "203.0.113.7")),
        5U);
    const SetChange spare{"spare", *Cidr::parse("192.0.2.9"), true, {}, {}};
    EXPECT_EQ(hits_of(spare, judged_as(VERDICT_allow, REASON_allowed, "web", "192.0.2.9")), 2U);
}

}  // namespace
}  // namespace portlid::rollout
