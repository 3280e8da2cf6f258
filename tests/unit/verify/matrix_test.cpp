// SPDX-License-Identifier: Apache-2.0
// The matrix with the native pipeline as the kernel, right and wrong.
#include "verify/matrix.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "policy/load.hpp"
#include "policy/simulate.hpp"
#include "verify/report.hpp"

namespace portlid::verify {
namespace {

constexpr const char* kText = R"(version: 1
mode: enforce
zones:
  public: { interfaces: [eth0], default: drop }
sets: { office: [203.0.113.0/24] }
services:
  - { name: web, ports: [80/tcp, 443/udp] }
  - { name: ssh, ports: [22/tcp], from: [office] }
  - { name: inner, ports: [9100/tcp], addresses: [192.0.2.2] }
)";

// Judges natively; `wrong` may change an answer.
class NativeOracle final : public Oracle {
public:
    NativeOracle(const policy::CompiledPolicy& image, std::set<IpAddress> own) : image_(image) {
        tables_.own = std::move(own);
    }
    Result<Answer> ask(const Entrance& entrance, std::span<const std::uint8_t> frame) override {
        ++asked;
        if (asked == fail_at) return fail("the interface is gone");
        auto judged = policy::judge_frame(image_, tables_, static_cast<unsigned>(entrance.zone),
                                          frame, entrance.layer3);
        if (entrance.force_monitor && judged.verdict == VERDICT_drop)
            judged.verdict = VERDICT_would_drop;
        Answer answer{judged.verdict, judged.why};
        if (wrong) wrong(frame, answer);
        return answer;
    }
    Result<> forget_tries() override {
        ++forgotten;
        return {};
    }
    std::function<void(std::span<const std::uint8_t>, Answer&)> wrong;
    unsigned forgotten = 0;
    std::uint64_t asked = 0;
    std::uint64_t fail_at = 0;

private:
    const policy::CompiledPolicy& image_;
    policy::HostTables tables_;
};

class MatrixTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto outcome = policy::load_text(kText, "policy.yaml", ".");
        ASSERT_TRUE(outcome.ok());
        policy_ = std::move(outcome.policy);
        auto compiled = policy::compile(policy_);
        ASSERT_TRUE(compiled);
        image_ = std::move(*compiled);
        input_.policy = &policy_;
        input_.own = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("192.0.2.1")};
        Entrance eth0;
        eth0.ifindex = 2;
        eth0.interface_name = "eth0";
        eth0.hook = "xdp";
        eth0.layer3 = true;
        input_.entrances = {eth0};
    }
    Result<Matrix> run(NativeOracle& oracle) { return measure(input_, oracle, progress_); }
    static std::size_t port_of(std::span<const std::uint8_t> packet) {
        return static_cast<std::size_t>(packet[22] << 8U | packet[23]);
    }

    policy::Policy policy_;
    policy::CompiledPolicy image_;
    MatrixInput input_;
    Progress progress_;
};

TEST_F(MatrixTest, AsksEveryPortOfBothProtocolsFromEverySourceAndFindsNoDifference) {
    NativeOracle oracle(image_, input_.own);
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix) << matrix.error().message;
    EXPECT_TRUE(matrix->differences.empty());
    ASSERT_EQ(matrix->rows.size(), 4U);  // office and anyone else, TCP and UDP
    EXPECT_EQ(oracle.asked, 4U * 65536U);
    EXPECT_EQ(progress_.asked, progress_.of);
    EXPECT_EQ(matrix->counts[VERDICT_allow], 5U);
    EXPECT_EQ(matrix->counts[VERDICT_drop], 4U * 65536U - 5U);
    ASSERT_EQ(matrix->not_asked.size(), 1U);
    EXPECT_EQ(matrix->not_asked[0], "ipv6: this host has no address of the family");
}

TEST_F(MatrixTest, GivesThePortsOfARowAsRanges) {
    NativeOracle oracle(image_, input_.own);
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    const auto& row = matrix->rows[0];
    ASSERT_EQ(matrix->samples[row.sample].name, "anyone else");
    EXPECT_EQ(row.ports[VERDICT_allow], (std::vector<Ports>{{80, 80}}));
    EXPECT_EQ(row.ports[VERDICT_drop], (std::vector<Ports>{{0, 79}, {81, 65535}}));
}

TEST_F(MatrixTest, NamesExactlyThePortsWhereTheKernelSaysSomethingElse) {
    NativeOracle oracle(image_, input_.own);
    oracle.wrong = [](std::span<const std::uint8_t> packet, Answer& answer) {
        const bool tcp = packet[9] == 6;
        if (tcp && port_of(packet) >= 5432 && port_of(packet) <= 5434)
            answer = {VERDICT_allow, REASON_allowed};
    };
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    ASSERT_EQ(matrix->differences.size(), 2U) << "one range for each of the two sources";
    for (const auto& found : matrix->differences) {
        EXPECT_EQ(to_string(found.ports), "5432-5434");
        EXPECT_EQ(matrix->rows[found.row].protocol, policy::PortProtocol::Tcp);
        EXPECT_EQ(found.policy, (Answer{VERDICT_drop, REASON_no_service}));
        EXPECT_EQ(found.kernel, (Answer{VERDICT_allow, REASON_allowed}));
    }
}

TEST_F(MatrixTest, SeesTheFirstAndTheLastPort) {
    for (const std::size_t port : {0U, 65535U}) {
        NativeOracle oracle(image_, input_.own);
        oracle.wrong = [port](std::span<const std::uint8_t> packet, Answer& answer) {
            if (port_of(packet) == port) answer.verdict = VERDICT_would_drop;
        };
        const auto matrix = run(oracle);
        ASSERT_TRUE(matrix);
        ASSERT_EQ(matrix->differences.size(), 4U);
        EXPECT_EQ(to_string(matrix->differences[0].ports), std::to_string(port));
    }
}

TEST_F(MatrixTest, AsksEveryAddressThatAServiceNames) {
    input_.own.insert(*IpAddress::parse("192.0.2.2"));
    NativeOracle oracle(image_, input_.own);
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    EXPECT_TRUE(matrix->differences.empty());
    EXPECT_EQ(matrix->rows.size(), 8U);
    const auto named = std::find_if(matrix->rows.begin(), matrix->rows.end(), [](const Row& row) {
        return row.named_destination && row.protocol == policy::PortProtocol::Tcp;
    });
    ASSERT_NE(named, matrix->rows.end());
    EXPECT_EQ(named->ports[VERDICT_allow], (std::vector<Ports>{{80, 80}, {9100, 9100}}));
}

TEST_F(MatrixTest, KnowsThatACapAndAnUncoveredInterfaceOnlyWatch) {
    input_.entrances[0].force_monitor = true;
    NativeOracle oracle(image_, input_.own);
    const auto watched = run(oracle);
    ASSERT_TRUE(watched);
    EXPECT_TRUE(watched->differences.empty());
    EXPECT_EQ(watched->counts[VERDICT_drop], 0U);
    input_.entrances[0].force_monitor = false;
    input_.capped = true;  // but this image was compiled without the cap
    const auto capped = run(oracle);
    ASSERT_TRUE(capped);
    EXPECT_FALSE(capped->differences.empty());
}

TEST_F(MatrixTest, AsksTwiceBeforeItBelievesThatAProbeIsAReply) {
    NativeOracle oracle(image_, input_.own);
    oracle.wrong = [](std::span<const std::uint8_t> packet, Answer& answer) {
        const auto source_port = packet[20] << 8U | packet[21];
        if (packet[9] == 17 && port_of(packet) == 5353 && source_port == 40000)
            answer = {VERDICT_allow, REASON_reply};
    };
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    EXPECT_TRUE(matrix->differences.empty());
    EXPECT_EQ(oracle.asked, 4U * 65536U + 2U);
}

TEST_F(MatrixTest, AsksAgainWhenItsOwnQuestionsUsedALimitUp) {
    NativeOracle oracle(image_, input_.own);
    unsigned tries = 0;
    oracle.wrong = [&](std::span<const std::uint8_t> packet, Answer& answer) {
        if (packet[9] == 6 && port_of(packet) == 80 && tries++ < 1)
            answer = {VERDICT_drop, REASON_limited};
    };
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    EXPECT_EQ(oracle.forgotten, 1U);
    EXPECT_TRUE(matrix->differences.empty());
}

TEST_F(MatrixTest, AsksAsTheScannerWhenToldHisAddress) {
    input_.scanner = IpAddress::parse("203.0.113.9");
    NativeOracle oracle(image_, input_.own);
    const auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    EXPECT_EQ(matrix->samples.back().name, "scanner 203.0.113.9");
    EXPECT_EQ(matrix->rows.size(), 6U);
    EXPECT_TRUE(matrix->differences.empty());
}

TEST_F(MatrixTest, EndsWithTheErrorOfTheKernelAndWhenItIsStopped) {
    NativeOracle oracle(image_, input_.own);
    oracle.fail_at = 70000;
    const auto failed = run(oracle);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "eth0: the interface is gone");
    progress_.stop = true;
    oracle.asked = 0;
    EXPECT_FALSE(run(oracle));
    EXPECT_EQ(oracle.asked, 0U);
}

TEST_F(MatrixTest, ReportSaysOkOnlyWhenAllAgreesAndTheCodeIsTheSame) {
    NativeOracle oracle(image_, input_.own);
    auto matrix = run(oracle);
    ASSERT_TRUE(matrix);
    RunFacts facts{.run = 3, .generation = 7, .policy_hash = "sha256:x"};
    facts.code = {{"xdp", "eth0", "abcd", "abcd"}};
    auto json = report(facts, input_, *matrix);
    EXPECT_EQ(json["schema"], "portlid.verify/v1");
    EXPECT_TRUE(json["ok"].get<bool>());
    EXPECT_EQ(json["asked"], 4U * 65536U);
    EXPECT_EQ(json["matrix"][0]["allow"], nlohmann::ordered_json({"80"}));
    EXPECT_EQ(json["addresses"], nlohmann::ordered_json({"192.0.2.1"}));
    facts.code[0].attached_tag = "ffff";
    EXPECT_FALSE(report(facts, input_, *matrix)["ok"].get<bool>());
    facts.code[0].attached_tag = "abcd";
    matrix->differences.push_back(
        {0, {10, 12}, {VERDICT_allow, REASON_allowed}, {VERDICT_drop, REASON_no_service}});
    json = report(facts, input_, *matrix);
    EXPECT_FALSE(json["ok"].get<bool>());
    EXPECT_EQ(json["differing_ports"], 3);
    EXPECT_EQ(json["differences"][0]["ports"], "10-12");
    EXPECT_EQ(json["differences"][0]["kernel"]["verdict"], "allow");
}

}  // namespace
}  // namespace portlid::verify
