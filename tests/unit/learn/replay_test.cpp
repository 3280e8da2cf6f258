// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

namespace portlid::learn {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

policy::Policy opening(const char* mode, const std::string& service) {
    return policy_of(std::string("version: 1\nmode: ") + mode +
                     "\nzones: { public: { interfaces: [eth0], default: drop } }\nservices: [ " +
                     service + " ]\n");
}

Replayed replay(const policy::Policy& before, const policy::Policy& after,
                const std::vector<Flow>& flows) {
    auto made = Replay::make(before, after);
    EXPECT_TRUE(made) << made.error().message;
    for (const auto& flow : flows) made->add(flow);
    return made->finish();
}

TEST(Replay, NamesTheSourceWhoseUseWouldBeCut) {
    const auto after = opening("enforce", "{ name: ssh, ports: [22/tcp], from: [203.0.113.8] }");
    const auto done = replay(watching(), after,
                             {probe("203.0.113.66", 23), use("203.0.113.8", 22),
                              use("203.0.113.9", 22), use("203.0.113.9", 22)});
    EXPECT_EQ(done.flows, 3U);
    ASSERT_THAT(done.changed, SizeIs(3));
    EXPECT_EQ(done.cut(), 2U);
    EXPECT_EQ(done.cut_uses(), 1U);
    const auto& first = done.changed[0];
    EXPECT_EQ(first.flow.source.to_string(), "203.0.113.9");
    EXPECT_EQ(first.flow.packets, 20U) << "its hours count together";
    EXPECT_EQ(first.before.verdict, VERDICT_would_drop);
    EXPECT_EQ(first.after.verdict, VERDICT_drop);
    EXPECT_EQ(first.after.why, REASON_source_not_allowed);
    EXPECT_EQ(first.after.rule, "ssh");
    EXPECT_EQ(first.flow.target->exe, "/usr/sbin/sshd");
}

TEST(Replay, NamesWhatWouldBeLetIn) {
    auto dropped = probe("203.0.113.9", 80);
    dropped.verdict = VERDICT_drop;
    const auto before = opening("enforce", "{ name: ssh, ports: [22/tcp] }");
    const auto done =
        replay(before, opening("enforce", "{ name: web, ports: [80/tcp] }"), {dropped});
    ASSERT_THAT(done.changed, SizeIs(1));
    EXPECT_EQ(done.let_in(), 1U);
    EXPECT_EQ(done.cut(), 0U);
}

TEST(Replay, TheSamePolicyChangesNothingAndBansAreLeftOut) {
    auto banned = use("203.0.113.9", 22);
    banned.why = REASON_banned;
    auto routed = use("203.0.113.9", 22);
    routed.destination_kind = "container";
    const auto same = watching();
    const auto done = replay(same, same, {banned, routed, use("203.0.113.9", 22)});
    EXPECT_THAT(done.changed, IsEmpty());
    EXPECT_EQ(done.flows, 1U);
    EXPECT_EQ(done.left_out, 2U);
}

TEST(Replay, AZoneThatTheNewPolicyDoesNotHaveIsCountedNotGuessed) {
    const auto after = policy_of(
        "version: 1\nmode: monitor\nzones: { outside: { interfaces: [eth0], default: drop } }\n");
    const auto done = replay(watching(), after, {use("203.0.113.9", 22)});
    EXPECT_EQ(done.flows, 0U);
    EXPECT_EQ(done.left_out, 1U);
}

TEST(Replay, TheDocumentSaysWhoAndWhy) {
    const auto done = replay(watching(), opening("enforce", "{ name: web, ports: [80/tcp] }"),
                             {use("203.0.113.9", 22, container("shop"))});
    const auto json = replay_json(done, noon());
    EXPECT_EQ(json["cut_uses"], 1);
    const auto& one = json["changed"][0];
    EXPECT_EQ(one["source"], "203.0.113.9");
    EXPECT_EQ(one["container"], "shop");
    EXPECT_EQ(one["after"]["verdict"], "drop");
    EXPECT_EQ(one["after"]["rule"]["name"], "public default");
    EXPECT_EQ(one["port"], 22);
}

}  // namespace
}  // namespace portlid::learn
