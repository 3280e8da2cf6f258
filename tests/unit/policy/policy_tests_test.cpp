// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_tests.hpp"

#include <nlohmann/json.hpp>

#include "policy/show.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kTestedPolicy = R"(
mode: monitor
zones: { public: { interfaces: [uplink] }, vpn: { interfaces: [wg0], default: allow } }
sets: { office: [203.0.113.0/24, "2001:db8:77::/48"] }
services:
  - { name: web, ports: [80/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office], mode: monitor }
  - { name: metrics, ports: [9100/tcp], zones: [public], addresses: [10.8.0.1, "fd00::1"] }
  - { name: shop, ports: [8443/tcp], from: [office], owner: { container: shop } }
)";

TestOutcome ask(const Policy& policy, const std::string& packet) {
    auto question = parse_packet(policy, packet);
    if (!question) {
        ADD_FAILURE() << packet << ": " << question.error().message;
        return {};
    }
    auto run = run_tests(policy, {*question});
    if (!run || run->outcomes.size() != 1) {
        ADD_FAILURE() << packet;
        return {};
    }
    return run->outcomes.front();
}

struct JudgedPacket {
    const char* packet;
    reason why;
    bool passed = true;
};

TEST(PolicyTests, JudgeAsIfEveryRuleEnforcedAndEveryOwnerHeldItsPort) {
    const auto policy = policy_of(kTestedPolicy);
    const JudgedPacket rows[] = {
        {"from 198.51.100.9 to 80/tcp zone public expect allow", REASON_allowed},
        {"from 198.51.100.9 to 80/udp zone public expect drop", REASON_no_service},
        {"from 2001:db8:bad::1 to 443/udp zone public expect allow", REASON_allowed},
        {"from 198.51.100.9 to 22/tcp zone public expect drop", REASON_source_not_allowed},
        {"from 198.51.100.9 to 22/tcp zone public expect allow", REASON_source_not_allowed, false},
        {"from 203.0.113.4 to 22/tcp zone public expect allow", REASON_allowed},
        {"from 203.0.113.4 to 22/tcp zone public expect drop", REASON_allowed, false},
        {"from 203.0.113.4 to 9999/tcp zone vpn expect allow", REASON_zone_default},
        {"from 203.0.113.4 to 8443/tcp zone public expect allow", REASON_allowed},
        {"from 198.51.100.9 to 8443/tcp zone public expect drop", REASON_source_not_allowed},
        {"from 198.51.100.9 to 10.8.0.1:9100/tcp zone public expect allow", REASON_allowed},
        {"from 198.51.100.9 to 9100/tcp zone public expect drop", REASON_no_service},
        {"from 2001:db8::9 to [fd00::1]:9100/tcp zone public expect allow", REASON_allowed},
        {"from 127.0.0.1 to 80/tcp zone public expect drop", REASON_martian},
        {"zone public   to 80/tcp from 198.51.100.9", REASON_allowed},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.packet);
        const auto outcome = ask(policy, row.packet);
        EXPECT_EQ(outcome.judged.why, row.why);
        EXPECT_EQ(outcome.passed(), row.passed);
    }
}

TEST(PolicyTests, GiveTheSameAnswerForAPolicyInMonitorAndInEnforceMode) {
    std::string text = kTestedPolicy;
    const auto watching = ask(policy_of(text), "from 198.51.100.9 to 81/tcp zone public");
    text.replace(text.find("mode: monitor"), 13, "mode: enforce");
    const auto enforcing = ask(policy_of(text), "from 198.51.100.9 to 81/tcp zone public");
    EXPECT_EQ(watching.judged.verdict, VERDICT_drop);
    EXPECT_EQ(enforcing.judged.verdict, VERDICT_drop);
    EXPECT_TRUE(watching.passed()) << "nothing was expected";
}

TEST(ParsePacket, SaysWhatItDoesNotUnderstandAndWhatToType) {
    const auto policy = policy_of(kTestedPolicy);
    const std::pair<const char*, const char*> rows[] = {
        {"", "say from, to, zone and expect"},
        {"from 198.51.100.9 to", "say from, to, zone and expect"},
        {"from 198.51.100.9 zone public", "has no `to`"},
        {"to 22/tcp zone public", "has no `from`"},
        {"from 198.51.100.9 to 22/tcp", "has no `zone`"},
        {"from 198.51.100.9 to 22/tcp zone lan", "there is no zone `lan`"},
        {"from 198.51.100.9 from 198.51.100.8 to 22/tcp", "`from` is said twice"},
        {"from office to 22/tcp zone public", "`office` is not an address"},
        {"from 198.51.100.9 to 22 zone public", "port `22` has no protocol"},
        {"from 198.51.100.9 to 22-23/tcp zone public", "one port, not a range"},
        {"from 198.51.100.9 to host:22/tcp zone public", "`host` in `to` is not an address"},
        {"from 198.51.100.9 to [::1]:22/tcp zone public", "different address families"},
        {"from 198.51.100.9 to 22/tcp zone public expect pass", "`expect` must be allow or drop"},
        {"source 198.51.100.9 to 22/tcp zone public", "unknown key `source`"},
    };
    for (const auto& [packet, wanted] : rows) {
        SCOPED_TRACE(packet);
        const auto question = parse_packet(policy, packet);
        ASSERT_FALSE(question);
        EXPECT_NE(question.error().message.find(wanted), std::string::npos)
            << question.error().message;
        EXPECT_EQ(question.error().code, ExitCode::Usage);
        EXPECT_FALSE(question.error().hint.empty());
    }
    EXPECT_FALSE(parse_packet(policy, std::string(100'000, 'a') + " b"));
}

TEST(OwnTests, StandBeforeAnApplyAndNameWhatFailed) {
    const std::string good =
        "tests: [{ from: 198.51.100.9, to: 80/tcp, zone: public, expect: allow }";
    EXPECT_TRUE(check_own_tests(policy_of(std::string(kTestedPolicy) + good + "]")));
    const auto refused = check_own_tests(policy_of(
        std::string(kTestedPolicy) + good +
        ",\n  { from: 203.0.113.4, to: \"10.8.0.1:22/tcp\", zone: public, expect: drop }]"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ExitCode::PolicyInvalid);
    EXPECT_EQ(refused.error().message,
              "1 of the policy's 2 tests fail\n"
              "  policy.yaml:12: from 203.0.113.4 to 10.8.0.1:22/tcp zone public is allow "
              "(allowed: ssh at policy.yaml:8), expected drop");
}

TEST(OwnTests, OfAThousandCasesAreRunWithoutAHost) {
    std::string text =
        "zones: { a: { interfaces: [x] } }\nservices: [{ name: s, ports: [80/tcp] "
        "}]\ntests:\n";
    for (int i = 0; i < 1000; ++i)
        text += "  - { from: 198.51.100." + std::to_string(i % 250) +
                ", to: " + std::to_string(1 + i) + "/tcp, expect: " + (i == 79 ? "allow" : "drop") +
                " }\n";
    const auto policy = policy_of(text);
    const auto run = run_tests(policy, own_tests(policy));
    ASSERT_TRUE(run);
    EXPECT_EQ(run->outcomes.size(), 1000U);
    EXPECT_EQ(run->failed(), 0U);
}

struct Reported {
    LoadOutcome loaded;
    TestRun run;
};

Reported two_tests() {
    auto loaded = load("version: 1\n" + std::string(kTestedPolicy) +
                       "tests:\n"
                       "  - { from: 198.51.100.9, to: 80/tcp, zone: public, expect: allow }\n"
                       "  - { from: 198.51.100.9, to: 22/tcp, zone: public, expect: allow }\n");
    EXPECT_TRUE(loaded.ok()) << all_of(loaded);
    auto run = run_tests(loaded.policy, own_tests(loaded.policy));
    return {std::move(loaded), std::move(*run)};
}

TEST(TestReport, IsTapThatAnyHarnessReads) {
    const auto [loaded, run] = two_tests();
    EXPECT_EQ(tests_tap({loaded, run, "policy.yaml"}),
              "TAP version 14\n1..2\n"
              "ok 1 - from 198.51.100.9 to 80/tcp zone public expect allow\n"
              "not ok 2 - from 198.51.100.9 to 22/tcp zone public expect allow\n"
              "  ---\n  verdict: drop\n  reason: source_not_allowed\n  rule: \"ssh\"\n"
              "  source: \"policy.yaml:8\"\n  at: \"policy.yaml:13\"\n  ...\n");
    EXPECT_EQ(tests_tap({loaded, {}, "policy.yaml"}),
              "TAP version 14\n1..0 # SKIP the policy has no tests\n");
}

TEST(TestReport, BailsOutOfAnInvalidPolicyWithItsPlace) {
    const auto loaded = load("version: 1\nzones: { a: { interfaces: [x] } }\nmode: \"#\"\n");
    ASSERT_FALSE(loaded.ok());
    const auto tap = tests_tap({loaded, {}, "policy.yaml"});
    EXPECT_EQ(tap.rfind("TAP version 14\nBail out! policy.yaml:3:7: ", 0), 0U) << tap;
    EXPECT_NE(tap.find("\\#"), std::string::npos) << "a bare # begins a directive";
    const auto json = nlohmann::json::parse(tests_json({loaded, {}, "policy.yaml"}));
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["errors"][0]["line"], 3);
}

TEST(TestReport, IsJsonWithTheReasonOfEveryVerdict) {
    const auto [loaded, run] = two_tests();
    const auto json = nlohmann::json::parse(tests_json({loaded, run, "policy.yaml"}));
    EXPECT_EQ(json["schema"], "portlid.test/v1");
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["total"], 2);
    EXPECT_EQ(json["failed"], 1);
    const auto& second = json["tests"][1];
    EXPECT_EQ(second["expect"], "allow");
    EXPECT_EQ(second["verdict"], "drop");
    EXPECT_EQ(second["reason"], "source_not_allowed");
    EXPECT_EQ(second["rule"]["name"], "ssh");
    EXPECT_EQ(second["at"]["line"], 13);
}

TEST(TestReport, IsALineForPeople) {
    const auto [loaded, run] = two_tests();
    EXPECT_EQ(tests_text({loaded, run, "policy.yaml"}),
              "ok    policy.yaml:12: from 198.51.100.9 to 80/tcp zone public is allow "
              "(allowed: web at policy.yaml:7)\n"
              "FAIL  policy.yaml:13: from 198.51.100.9 to 22/tcp zone public is drop "
              "(source_not_allowed: ssh at policy.yaml:8), expected allow\n"
              "policy.yaml: 2 tests, 1 failed\n");
}

}  // namespace
}  // namespace portlid::policy::test
