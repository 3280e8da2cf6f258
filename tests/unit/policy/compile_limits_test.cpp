// SPDX-License-Identifier: Apache-2.0
// What `limit` becomes: conditions, their order, and whom they concern.
#include "policy/compile.hpp"
#include "support.hpp"

namespace portlid::policy::test {
namespace {

constexpr const char* kLimitsHead =
    "mode: enforce\nzones: { public: { interfaces: [uplink] } }\n"
    "sets: { office: [203.0.113.0/24] }\n";
constexpr const char* kLimitsStranger = "198.51.100.9";
constexpr const char* kLimitsOffice = "203.0.113.7";

// Asks for a new flow to port 22 again and again.
class Limits : public ::testing::Test {
protected:
    void use(const std::string& services) { policy_ = compiled(kLimitsHead + services); }
    Judgement ask(const char* from) {
        HostTables tables;
        tables.own = {address("192.0.2.1")};
        tables.limits = &limits_;
        Probe probe;
        probe.source = address(from);
        probe.destination = address("192.0.2.1");
        probe.port = {22};
        return judge_probe(policy_, tables, probe);
    }
    unsigned passes(const char* from, unsigned tries = 20) {
        unsigned count = 0;
        for (unsigned i = 0; i < tries; ++i) count += ask(from).verdict == VERDICT_allow ? 1 : 0;
        return count;
    }
    CompiledPolicy policy_;
    LimitTable limits_;
};

TEST_F(Limits, ExemptSourcesAreNotCounted) {
    use("services: [{ name: ssh, ports: [22/tcp], limit: { new: 6/30s, exempt: [office] } }]");
    EXPECT_EQ(passes(kLimitsStranger), 5U);
    EXPECT_EQ(passes(kLimitsOffice), 20U);
    const auto judged = ask(kLimitsStranger);
    EXPECT_EQ(judged.why, REASON_limited);
    EXPECT_EQ(judged.verdict, VERDICT_drop);
    EXPECT_EQ(policy_.rules.at(judged.rule).name, "ssh");
}

TEST_F(Limits, AServiceWithoutALimitOpensWhateverAnotherCounts) {
    use("services:\n  - { name: slow, ports: [22/tcp], limit: { new: 2/30s } }\n"
        "  - { name: office, ports: [22/tcp], from: [office] }\n");
    EXPECT_EQ(passes(kLimitsStranger), 1U);
    EXPECT_EQ(passes(kLimitsOffice), 20U);
}

TEST_F(Limits, OfTwoLimitsEitherLetsIn) {
    use("services:\n  - { name: few, ports: [22/tcp], limit: { new: 2/30s } }\n"
        "  - { name: more, ports: [22/tcp], limit: { new: 5/30s } }\n");
    EXPECT_EQ(passes(kLimitsStranger), 1U + 4U);
}

TEST_F(Limits, TheModeOfTheServiceDecidesWhetherTheRefusalIsReal) {
    use("services: [{ name: ssh, ports: [22/tcp], mode: monitor, limit: { new: 2/30s } }]");
    EXPECT_EQ(ask(kLimitsStranger).verdict, VERDICT_allow);
    const auto judged = ask(kLimitsStranger);
    EXPECT_EQ(judged.verdict, VERDICT_would_drop);
    EXPECT_EQ(judged.why, REASON_limited);
}

TEST_F(Limits, ALimitConcernsOnlyThoseWhomTheServiceLetsIn) {
    use("services: [{ name: ssh, ports: [22/tcp], from: [office], limit: { new: 3/30s } }]");
    EXPECT_EQ(ask(kLimitsStranger).why, REASON_source_not_allowed);
    EXPECT_EQ(passes(kLimitsOffice), 2U);
    EXPECT_EQ(ask(kLimitsOffice).why, REASON_limited);
}

TEST_F(Limits, ServicesCountApartAndAServiceCountsAllItsPorts) {
    use("services:\n  - { name: a, ports: [22/tcp, 23/tcp], limit: { new: 3/30s } }\n"
        "  - { name: b, ports: [24/tcp], limit: { new: 3/30s } }\n");
    EXPECT_EQ(policy_.image->ports[0][0][22], policy_.image->ports[0][0][23]);
    EXPECT_NE(policy_.image->conditions[1].key, policy_.image->conditions[2].key);
    EXPECT_EQ(policy_.image->conditions[3].kind, 0);
}

TEST_F(Limits, TheKeyOfALimitIsTheSameInTheNextGenerationAndNewWithItsRate) {
    const auto key = [&](const std::string& text) {
        use(text);
        return policy_.image->conditions[1].key;
    };
    const auto base = key("services: [{ name: s, ports: [22/tcp], limit: { new: 6/30s } }]");
    EXPECT_EQ(base, key("services: [{ name: r, ports: [1/tcp] },"
                        " { name: s, ports: [2/tcp], limit: { new: 6/30s } }]"));
    EXPECT_NE(base, key("services: [{ name: s, ports: [22/tcp], limit: { new: 6/31s } }]"));
}

TEST_F(Limits, MoreThanTheTableCanCountIsRefused) {
    for (const char* rate : {"65536/30s", "6/25d"}) {
        const auto result = compile(
            policy_of(std::string(kLimitsHead) +
                      "services: [{ name: s, ports: [22/tcp], limit: { new: " + rate + " } }]"));
        ASSERT_FALSE(result) << rate;
        EXPECT_EQ(result.error().code, ExitCode::PolicyInvalid);
    }
    std::string five = "services:\n";
    for (int i = 1; i <= 5; ++i)
        five += "  - { name: s" + std::to_string(i) +
                ", ports: [22/tcp], limit: { new: " + std::to_string(i) + "/30s } }\n";
    Place at;
    const auto policy = policy_of(kLimitsHead + five);
    const auto result = compile(policy, {}, &at);
    ASSERT_FALSE(result);
    EXPECT_EQ(at.line, policy.services[4].place.line);
    EXPECT_NE(result.error().message.find("service s5 on 22/tcp"), std::string::npos);
    EXPECT_NE(result.error().message.find("more than 4 limits and owners of services on one port"),
              std::string::npos);
}

}  // namespace
}  // namespace portlid::policy::test
