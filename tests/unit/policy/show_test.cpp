// SPDX-License-Identifier: Apache-2.0
#include "policy/show.hpp"

#include "policy/check.hpp"
#include "random_policy.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kRich = R"(
mode: enforce
zones:
  public: { interfaces: [uplink], default: drop, existing: 90s, catch_all: true, mode: monitor }
  vpn: { interfaces: ["wg*"], default: allow }
sets: { office: [203.0.113.7, "2001:db8::/48", "fe80::"], empty: [] }
management: [office]
deny: [192.0.2.0/24, office]
services:
  - { name: web, ports: [https/tcp, 8000-8010/udp], zones: [vpn], addresses: [10.0.0.1, "fd00::1"] }
  - { name: ssh, ports: [22/tcp], from: [office, 10.0.0.0/8], mode: enforce,
      limit: { new: 6/90s, exempt: [office] } }
  - { name: own, ports: [81/tcp], owner: { exe: "/opt/a \"b\" \\ c", container: "x: #y" } }
icmp: { ping: drop }
protocols: [99, esp]
transit: drop
routed: [172.20.0.0/16]
failsafe: [{ ports: [22/tcp] }, { ports: [23/tcp], from: [office] }]
labels: { ceiling: [{ ports: [8000/tcp] }, { ports: [81/tcp], from: [office], for: 36h }] }
binds: { default: refuse, allow: [{ ports: [80/tcp] }, { ports: [81/tcp], owner: { user: root } }] }
tests: [{ from: "2001:db8::9", to: 22/tcp, zone: vpn, expect: allow }]
)";

TEST(Show, LoadsAgainToTheSamePolicy) {
    const auto policy = policy_of(kRich);
    const auto shown = show(policy);
    const auto again = load(shown);
    ASSERT_TRUE(again.ok()) << all_of(again) << shown;
    EXPECT_EQ(show(again.policy), shown);
    EXPECT_EQ(compile(policy)->hash, compile(again.policy)->hash);
    EXPECT_EQ(again.policy.tests.size(), 1U);
}

TEST(Show, KeepsTextThatYamlCouldMisread) {
    const auto again = load(show(policy_of(kRich)));
    const auto& matches = again.policy.services.at(2).owner->matches;
    EXPECT_EQ(matches.at("exe"), "/opt/a \"b\" \\ c");
    EXPECT_EQ(matches.at("container"), "x: #y");
}

TEST(Show, WritesNumbersForNamesAndDefaultsForSilence) {
    const auto shown =
        show(policy_of("zones: { a: { interfaces: [x] } }\n"
                       "services: [{ name: s, ports: [https/tcp] }]"));
    EXPECT_EQ(
        shown,
        "version: 1\nmode: monitor\nzones:\n  a:\n    interfaces: [\"x\"]\n    default: drop\n"
        "    existing: forever\nservices:\n  - name: \"s\"\n    ports: [443/tcp]\n"
        "icmp: { ping: allow }\ntransit: allow\n");
}

TEST(Show, CanLeaveTheTestsOut) {
    EXPECT_EQ(show(policy_of(kRich), ShowTests::No).find("tests:"), std::string::npos);
}

TEST(Show, RoundTripsEverythingWeShip) {
    for (const auto& entry : std::filesystem::directory_iterator(kPolicyDirectory / "examples")) {
        SCOPED_TRACE(entry.path().filename());
        if (entry.path().extension() != ".yaml") continue;
        const auto outcome = load_file(entry.path());
        const auto again =
            load_text(show(outcome.policy), "policy.yaml", entry.path().parent_path());
        ASSERT_TRUE(again.ok()) << all_of(again);
        EXPECT_EQ(compile(outcome.policy)->hash, compile(again.policy)->hash);
    }
}

TEST(ShowProperty, IsAStableNormalFormOfWhateverLoads) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomPolicy random(seed);
        const auto policy = policy_of(random.text());
        const auto shown = show(policy);
        const auto again = load(shown);
        ASSERT_TRUE(again.ok()) << all_of(again) << shown;
        EXPECT_EQ(show(again.policy), shown);
    }
}

TEST(CheckJson, HasTheShapeThatScriptsRead) {
    const auto outcome = load("version: 1\nzones: { a: { interfaces: [x] } }\nservice: []\n");
    EXPECT_EQ(check_json(outcome),
              R"({"schema":"portlid.check/v1","ok":false,"errors":[{"file":"policy.yaml","line":3,)"
              R"("column":1,"message":"unknown key `service` in the policy",)"
              R"("hint":"did you mean `services`?"}],"warnings":[]})");
}

TEST(CheckJson, SaysOkWithWarningsBeside) {
    const auto json = check_json(load("version: 1\nzones: { a: { interfaces: [x] } }\n"));
    EXPECT_NE(json.find(R"("ok":true,"errors":[],"warnings":[{)"), std::string::npos) << json;
}

TEST(CheckText, PutsACaretUnderTheWord) {
    const auto text =
        check_text(load("version: 1\nzones: { a: { interfaces: [x], defualt: drop } }"));
    EXPECT_EQ(text.substr(0, text.find("policy.yaml", 1)),
              "policy.yaml:2:32: unknown key `defualt` in a zone\n"
              "  zones: { a: { interfaces: [x], defualt: drop } }\n"
              "                                 ^\n"
              "  hint: did you mean `default`?\n");
}

}  // namespace
}  // namespace portlid::policy::test
