// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace portlid {
namespace {

TEST(Result, CarriesMessageHintCodeAndErrno) {
    const Result<int> result = fail_errno("cannot open x", ENOENT, "make x", ExitCode::Usage);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "cannot open x: No such file or directory");
    EXPECT_EQ(result.error().hint, "make x");
    EXPECT_EQ(result.error().code, ExitCode::Usage);
    EXPECT_EQ(result.error().errno_value, ENOENT);
}

TEST(Result, GathersContextOnTheWayUp) {
    const auto inner = []() -> Result<int> { return fail("no such device", "ip link"); };
    const auto outer = [&]() -> Result<> {
        auto got = inner();
        if (!got) return pass_on(std::move(got).error(), "attach eth0");
        return {};
    };
    const auto result = outer();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "attach eth0: no such device");
    EXPECT_EQ(result.error().hint, "ip link");
    EXPECT_EQ(result.error().code, ExitCode::Failed);
}

TEST(Result, PassesAnErrorOnUnchangedWithoutContext) {
    const Result<> result = pass_on(Error{"what", "next", ExitCode::NoPermission, 1});
    EXPECT_EQ(result.error().message, "what");
    EXPECT_EQ(result.error().code, ExitCode::NoPermission);
}

}  // namespace
}  // namespace portlid
