// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rollout/request.hpp"

namespace portlid::rollout {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(Requests, AreReadWithTheirDefaults) {
    const auto apply = parse_apply("");
    ASSERT_TRUE(apply);
    EXPECT_FALSE(apply->confirm_within);
    EXPECT_FALSE(apply->force);
    EXPECT_EQ(parse_apply(R"({"confirm_within":"60s"})")->confirm_within, seconds(60));
    EXPECT_EQ(parse_mode(R"({"mode":"enforce","for":"1h"})")->length, seconds(3600));
    EXPECT_FALSE(parse_mode(R"({"mode":"policy"})")->mode);
    EXPECT_EQ(parse_ban(R"({"source":"203.0.113.9","for":"0"})")->length, seconds(0));
    EXPECT_EQ(parse_allow(R"({"ports":"7000-7100/udp","from":["::/0"]})")->ports.last_host, 7100);
    EXPECT_FALSE(parse_set(R"({"action":"del","name":"x","address":"::1"})")->add);
}

TEST(Requests, RefuseWhatTheyDoNotUnderstandWithExitCode2) {
    for (const char* body :
         {"[]", "x", R"({"forse":true})", R"({"force":1})", R"({"confirm_within":60})",
          R"({"confirm_within":"sixty"})", R"({"confirm_within":"0"})", R"({"file":"p.yaml"})"}) {
        const auto request = parse_apply(body);
        ASSERT_FALSE(request) << body;
        EXPECT_EQ(request.error().code, ExitCode::Usage) << body;
    }
    EXPECT_FALSE(parse_mode(R"({"mode":"off"})"));
    EXPECT_FALSE(parse_allow(R"({"ports":"0/tcp"})"));
    EXPECT_FALSE(parse_allow(R"({"ports":"9-1/tcp"})"));
    EXPECT_FALSE(parse_allow(R"({"ports":"80/sctp"})"));
    EXPECT_FALSE(parse_set(R"({"action":"flush","name":"x","address":"::1"})"));
}

TEST(Requests, SuggestThePrefixThatWasMeant) {
    const auto ban = parse_ban(R"({"source":"203.0.113.9/24"})");
    ASSERT_FALSE(ban);
    EXPECT_THAT(ban.error().hint, HasSubstr("203.0.113.0/24"));
}

}  // namespace
}  // namespace portlid::rollout
