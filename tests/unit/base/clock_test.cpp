// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace portlid {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Duration, ReadsSecondsMinutesHoursAndDays) {
    EXPECT_EQ(parse_duration("10s"), nanoseconds(seconds(10)));
    EXPECT_EQ(parse_duration("5m"), nanoseconds(seconds(300)));
    EXPECT_EQ(parse_duration("24h"), nanoseconds(seconds(86400)));
    EXPECT_EQ(parse_duration("7d"), nanoseconds(seconds(604800)));
    EXPECT_EQ(parse_duration("0"), nanoseconds(0));
    EXPECT_EQ(parse_duration("0s"), nanoseconds(0));
}

TEST(Duration, RefusesEverythingElse) {
    for (const auto* text : {"", "s", "10", "-1s", "+1s", "1.5h", "10 s", "10s ", " 10s", "1h30m",
                             "10S", "10ms", "1w", "0x10s", "99999999999999999999s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, RefusesWhatDoesNotFitInNanoseconds) {
    EXPECT_TRUE(parse_duration("9000000000s"));
    EXPECT_FALSE(parse_duration("9000000001s"));
    EXPECT_TRUE(parse_duration("104166d"));
    EXPECT_FALSE(parse_duration("104167d"));
}

TEST(Rfc3339, WritesUtcToTheNanosecond) {
    EXPECT_EQ(to_rfc3339(WallTime(nanoseconds(0))), "1970-01-01T00:00:00.000000000Z");
    EXPECT_EQ(to_rfc3339(WallTime(nanoseconds(1'772'360'102'123'456'789))),
              "2026-03-01T10:15:02.123456789Z");
    EXPECT_EQ(to_rfc3339(WallTime(nanoseconds(1'772'360'102'000'000'001))),
              "2026-03-01T10:15:02.000000001Z");
}

TEST(BootClock, NeverGoesBackAndMeetsTheWallClock) {
    const auto first = boot_now();
    EXPECT_LE(first, boot_now());
    const auto error = wall_now() - to_wall(boot_now());
    EXPECT_LT(error, seconds(1));
    EXPECT_GT(error, -seconds(1));
    const BootTime fixed{boot_now().ns};
    const auto once = to_wall(fixed);
    for (int again = 0; again < 100; ++again) EXPECT_EQ(to_wall(fixed), once);
    // Half of its life: the machine may have been started minutes ago.
    const auto ago_ns = boot_now().ns / 2;
    const auto then = to_wall({boot_now().ns - ago_ns});
    EXPECT_NEAR(static_cast<double>((wall_now() - then).count()), static_cast<double>(ago_ns), 1e9);
}

TEST(BootClock, GivesTheLatestWallTimeForInstantsBeyondIt) {
    EXPECT_EQ(to_wall({std::numeric_limits<std::uint64_t>::max()}), WallTime::max());
    EXPECT_EQ(to_wall({std::numeric_limits<std::int64_t>::max()}), WallTime::max());
}

}  // namespace
}  // namespace portlid
