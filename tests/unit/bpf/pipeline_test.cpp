// SPDX-License-Identifier: Apache-2.0
// The packet rows through the pipeline compiled natively: no root, no kernel.
#include <gtest/gtest.h>

#include "policy/compile.hpp"
#include "policy/load.hpp"
#include "policy/simulate.hpp"
#include "support/packet_rows.hpp"

namespace portlid {
namespace {

policy::CompiledPolicy compiled(const char* text) {
    auto outcome = policy::load_text(text, "policy.yaml", ".");
    EXPECT_TRUE(outcome.ok());
    auto result = policy::compile(outcome.policy);
    EXPECT_TRUE(result) << result.error().message;
    result->image->zones[0].enforce_since_ns = 1;  // what the publisher would write
    return std::move(*result);
}

TEST(Pipeline, DecidesEveryPacketRowNatively) {
    const auto policy = compiled(test::kRowPolicy);
    const auto tables = test::row_tables();
    for (const auto& row : test::packet_rows()) {
        SCOPED_TRACE(row.sentence);
        const auto judged =
            policy::judge_frame(policy, tables, 0, row.frame, false, test::host_mac());
        EXPECT_EQ(judged.why, row.why);
        EXPECT_EQ(judged.verdict, row.verdict);
    }
}

TEST(Pipeline, NeverDropsInMonitorModeWhateverTheFrame) {
    std::string text = test::kRowPolicy;
    text.replace(text.find("mode: enforce"), 13, "mode: monitor");
    const auto policy = compiled(text.c_str());
    policy.image->zones[0].enforce_since_ns = 0;
    const auto tables = test::row_tables();
    for (const auto& row : test::packet_rows()) {
        SCOPED_TRACE(row.sentence);
        const auto judged =
            policy::judge_frame(policy, tables, 0, row.frame, false, test::host_mac());
        EXPECT_NE(judged.verdict, VERDICT_drop);
        // Nothing began to enforce, so nothing is grandfathered either.
        EXPECT_EQ(judged.verdict == VERDICT_would_drop,
                  row.verdict != VERDICT_allow || row.why == REASON_grandfathered);
    }
}

TEST(Pipeline, JudgesEveryPrefixOfEveryRowWithoutReadingBeyondIt) {
    const auto policy = compiled(test::kRowPolicy);
    const auto tables = test::row_tables();
    for (const auto& row : test::packet_rows()) {
        SCOPED_TRACE(row.sentence);
        for (std::size_t length = 0; length < row.frame.size(); ++length) {
            // A heap copy of exactly that size: a read beyond it is a sanitizer's finding.
            const test::Bytes cut(row.frame.begin(),
                                  row.frame.begin() + static_cast<std::ptrdiff_t>(length));
            const auto judged = policy::judge_frame(policy, tables, 0, cut);
            EXPECT_LT(judged.why, REASON_COUNT);
        }
    }
}

TEST(Pipeline, SeesTheIpHeaderFirstOnLayerThreeDevices) {
    const auto policy = compiled(test::kRowPolicy);
    const auto tables = test::row_tables();
    const auto closed = test::Ipv4{}(test::tcp(40000, 5432));
    const auto open = test::Ipv6{}(test::tcp(40000, 443));
    EXPECT_EQ(policy::judge_frame(policy, tables, 0, closed, true).why, REASON_no_service);
    EXPECT_EQ(policy::judge_frame(policy, tables, 0, open, true).why, REASON_allowed);
}

}  // namespace
}  // namespace portlid
