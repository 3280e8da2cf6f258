// SPDX-License-Identifier: Apache-2.0
// What container labels open under a ceiling: all that one entry of it covers, else nothing.
#include <gmock/gmock.h>

#include "policy/load.hpp"
#include "rollout/stages.hpp"

namespace portlid::rollout {
namespace {

using policy::PortProtocol;
using policy::PortRange;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHead = R"(version: 1
mode: enforce
zones:
  public: { interfaces: [eth0] }
sets:
  office: [203.0.113.0/25, 2001:db8:77::/48]
services:
  - { name: ssh, ports: [22/tcp] }
)";
constexpr const char* kCeiling = R"(labels:
  ceiling:
    - { ports: [8000-8010/tcp, 53/udp], from: [office], for: 24h }
    - { ports: [8005/tcp], from: [office, 198.51.100.0/24], for: 1h }
    - { ports: [9000/tcp] }
)";
const std::string kId(64, 'a');
constexpr std::uint64_t kHour = 3'600'000'000'000;
constexpr BootTime kStart{1000 * kHour};

policy::Policy load(const std::string& rest = kCeiling) {
    auto outcome = policy::load_text(kHead + rest, "policy.yaml", ".");
    EXPECT_TRUE(outcome.ok());
    return outcome.policy;
}

PortRange tcp(std::uint16_t first, std::uint16_t last = 0) {
    return {PortProtocol::Tcp, first, last == 0 ? first : last};
}

LabelAsk ask(std::map<std::string, std::string> labels, std::vector<PortRange> published) {
    auto read = read_labels({kId, "web", std::move(labels), std::move(published), "t"});
    EXPECT_TRUE(read);
    read->started_at = kStart;
    return *read;
}

LabelAnswer answer(const LabelAsk& asked, const policy::Policy& policy = load(),
                   BootTime now = kStart) {
    return weigh(policy, {asked}, now).front();
}

TEST(Labels, OpenThePublishedPortsToWhomTheyNameForAsLongAsTheCeilingSays) {
    const auto got = answer(ask({{"portlid.allow-from", "office, 203.0.113.77"}},
                                {tcp(8000), tcp(8001), {PortProtocol::Udp, 53, 53}}));
    EXPECT_THAT(got.refused, IsEmpty());
    ASSERT_EQ(got.openings.size(), 1U);
    const auto& service = got.openings[0].service;
    EXPECT_EQ(service.name, "label web");
    EXPECT_THAT(service.ports, ElementsAre(tcp(8000, 8001), PortRange{PortProtocol::Udp, 53, 53}));
    EXPECT_FALSE(service.from_any);
    EXPECT_EQ(service.from.size(), 3U);
    EXPECT_EQ(service.owner->matches.at("id"), kId);
    EXPECT_EQ(got.openings[0].until, BootTime{kStart.ns + 24 * kHour});
}

TEST(Labels, BeyondTheCeilingAPortIsNotOpenedAtAll) {
    struct Row {
        const char* sentence;
        std::map<std::string, std::string> labels;
        std::vector<PortRange> published;
        const char* why;
    };
    const Row rows[] = {
        {"a port below",
         {{"portlid.allow-from", "office"}},
         {tcp(7999)},
         "7999/tcp: no ceiling names"},
        {"a port above",
         {{"portlid.allow-from", "office"}},
         {tcp(8011)},
         "8011/tcp: no ceiling names"},
        {"another protocol",
         {{"portlid.allow-from", "office"}},
         {{PortProtocol::Udp, 8000, 8000}},
         "8000/udp: no ceiling names"},
        {"everybody", {{"portlid.allow-from", "any"}}, {tcp(8000)}, "lets `any` in"},
        {"a wider prefix",
         {{"portlid.allow-from", "203.0.113.0/24"}},
         {tcp(8000)},
         "203.0.113.0/24"},
        {"one of two outside",
         {{"portlid.allow-from", "office, 192.0.2.1"}},
         {tcp(8000)},
         "office, 192.0.2.1"},
        {"the whole of a family", {{"portlid.allow-from", "::/0"}}, {tcp(8000)}, "::/0"},
        {"longer",
         {{"portlid.allow-from", "office"}, {"portlid.allow-for", "25h"}},
         {tcp(8000)},
         "no ceiling of the port lasts 25h"},
        {"one entry covers the source, another the time",
         {{"portlid.allow-from", "198.51.100.1"}, {"portlid.allow-for", "2h"}},
         {tcp(8005)},
         "lasts 2h"},
        {"no such set", {{"portlid.allow-from", "ofice"}}, {tcp(8000)}, "`ofice`"},
        {"no duration",
         {{"portlid.allow-from", "office"}, {"portlid.allow-for", "soon"}},
         {tcp(8000)},
         "`soon`"},
        {"no time at all",
         {{"portlid.allow-from", "office"}, {"portlid.allow-for", "0"}},
         {tcp(8000)},
         "`0`"},
        {"nobody", {{"portlid.allow-from", " , "}}, {tcp(8000)}, "missing or empty"},
        {"only a time", {{"portlid.allow-for", "1h"}}, {tcp(8000)}, "missing or empty"},
        {"a mistyped label", {{"portlid.allow-form", "office"}}, {tcp(8000)}, "portlid.allow-form"},
        {"no port", {{"portlid.allow-from", "office"}}, {}, "publishes no port"},
        {"no such port",
         {{"portlid.allow-from", "office"}, {"portlid.allow-ports", "8000"}},
         {tcp(8000)},
         "`8000`"},
        {"a line break\n", {{"portlid.allow-from", "x\n\x1b[2J"}}, {tcp(8000)}, "\\u000a\\u001b"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sentence);
        const auto got = answer(ask(row.labels, row.published));
        EXPECT_THAT(got.openings, IsEmpty());
        EXPECT_THAT(got.refused, ElementsAre(HasSubstr(row.why)));
    }
}

TEST(Labels, EachPortIsJudgedAlone) {
    const auto got = answer(ask({{"portlid.allow-from", "office"}}, {tcp(8010), tcp(8011)}));
    ASSERT_EQ(got.openings.size(), 1U);
    EXPECT_THAT(got.openings[0].service.ports, ElementsAre(tcp(8010)));
    EXPECT_THAT(got.refused, ElementsAre("8011/tcp: no ceiling names the port"));
}

TEST(Labels, TheLongestOfTheEntriesThatCoverItCounts) {
    const auto got = answer(ask({{"portlid.allow-from", "office"}}, {tcp(8005)}));
    EXPECT_EQ(got.openings.at(0).until, BootTime{kStart.ns + 24 * kHour});
    const auto wider = answer(ask({{"portlid.allow-from", "198.51.100.7"}}, {tcp(8005)}));
    EXPECT_EQ(wider.openings.at(0).until, BootTime{kStart.ns + kHour});
    const auto ever = answer(ask({{"portlid.allow-from", "any"}}, {tcp(9000)}));
    EXPECT_EQ(ever.openings.at(0).until, std::nullopt);
    EXPECT_TRUE(ever.openings.at(0).service.from_any);
}

TEST(Labels, TimeRunsFromTheStartOfTheContainer) {
    auto asked = ask({{"portlid.allow-from", "office"}, {"portlid.allow-for", "2h"}}, {tcp(8000)});
    const BootTime end{kStart.ns + 2 * kHour};
    EXPECT_EQ(answer(asked, load(), {end.ns - 1}).openings.at(0).until, end);
    const auto over = answer(asked, load(), end);
    EXPECT_THAT(over.openings, IsEmpty());
    EXPECT_THAT(over.refused, IsEmpty());
    EXPECT_THAT(over.ended, ElementsAre(tcp(8000)));
    asked.started_at.reset();
    EXPECT_THAT(answer(asked).refused, ElementsAre(HasSubstr("does not say when")));
    EXPECT_EQ(
        started_at("2026-03-01T10:00:00.5Z", kStart, WallTime(std::chrono::seconds(1772359201))),
        BootTime{kStart.ns - 500'000'000});
    EXPECT_EQ(started_at("2026-03-01T10:00:00Z", kStart, WallTime()), kStart);  // not in future
    EXPECT_EQ(started_at("yesterday", kStart, WallTime()), std::nullopt);
}

TEST(Labels, WithoutACeilingNothingIsReadAndNothingRefused) {
    const auto got = answer(ask({{"portlid.allow-from", "any"}}, {tcp(9000)}), load(""));
    EXPECT_THAT(got.openings, IsEmpty());
    EXPECT_THAT(got.refused, IsEmpty());
    const auto none = answer(ask({{"portlid.allow-from", "any"}}, {tcp(9000)}),
                             load("labels: { ceiling: [] }\n"));
    EXPECT_THAT(none.refused, ElementsAre("9000/tcp: no ceiling names the port"));
    EXPECT_FALSE(read_labels({kId, "web", {{"tier", "front"}}, {tcp(9000)}, "t"}));
}

TEST(Labels, PortsOfTheHostsOwnNetworkAreNamed) {
    const auto got = answer(ask(
        {{"portlid.allow-from", "office"}, {"portlid.allow-ports", "8001-8002/tcp, 53/udp"}}, {}));
    EXPECT_THAT(got.openings.at(0).service.ports,
                ElementsAre(tcp(8001, 8002), PortRange{PortProtocol::Udp, 53, 53}));
}

TEST(Labels, AreManyAtMostAsThePolicyCanHold) {
    const auto asked = ask({{"portlid.allow-from", "office"}}, {tcp(8000)});
    const auto many = weigh(load(), std::vector(6, asked), kStart);
    for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(many[i].openings.size(), 1U) << i;
    EXPECT_EQ(many[1].openings[0].service.name, "label web (2)");
    EXPECT_THAT(many[4].refused, ElementsAre(HasSubstr("others have asked")));
    const auto wide =
        ask({{"portlid.allow-from", "office"}, {"portlid.allow-ports", "1-5000/tcp"}}, {});
    EXPECT_THAT(answer(wide).refused, ElementsAre(HasSubstr("more than 4096 ports")));
}

TEST(Labels, AreLaidOverThePolicyAndEndByThemselves) {
    Overlays overlays;
    overlays.labels.push_back(ask({{"portlid.allow-from", "office"}}, {tcp(8000)}));
    const auto base = load();
    const auto laid = overlay(base, overlays, kStart);
    ASSERT_EQ(laid.services.size(), base.services.size() + 1);
    EXPECT_EQ(laid.services.back().name, "label web");
    const auto list = stages({&base, nullptr, {}, &overlays}, kStart, 4);
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].until, BootTime{kStart.ns + 24 * kHour});
    EXPECT_EQ(list[0].policy.services.size(), base.services.size() + 1);
    EXPECT_EQ(list[1].policy.services.size(), base.services.size());
}

TEST(Labels, FollowASetThatWasChangedAtRunTime) {
    Overlays overlays;
    overlays.labels.push_back(ask({{"portlid.allow-from", "192.0.2.1"}}, {tcp(8000)}));
    EXPECT_THAT(label_answers(load(), overlays, kStart)[0].openings, IsEmpty());
    overlays.sets.push_back({"office", *Cidr::parse("192.0.2.0/24"), true, std::nullopt, {}});
    EXPECT_EQ(label_answers(load(), overlays, kStart)[0].openings.size(), 1U);
}

}  // namespace
}  // namespace portlid::rollout
