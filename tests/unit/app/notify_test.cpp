// SPDX-License-Identifier: Apache-2.0
#include "app/notify.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace portlid::app {
namespace {

using std::chrono::milliseconds;

class Watchdog : public testing::Test {
protected:
    ~Watchdog() override {
        ::unsetenv("WATCHDOG_USEC");
        ::unsetenv("WATCHDOG_PID");
    }
    static void set(const char* name, const std::string& value) {
        ::setenv(name, value.c_str(), 1);
    }
};

TEST_F(Watchdog, IsFedAtHalfOfItsLimit) {
    set("WATCHDOG_USEC", "30000000");
    EXPECT_EQ(watchdog_period(), milliseconds(15000));
    set("WATCHDOG_PID", std::to_string(::getpid()));
    EXPECT_EQ(watchdog_period(), milliseconds(15000));
    set("WATCHDOG_USEC", "1");
    EXPECT_EQ(watchdog_period(), milliseconds(10));
    set("WATCHDOG_USEC", "18446744073709551615");
    EXPECT_EQ(watchdog_period(), milliseconds(43'200'000));
}

TEST_F(Watchdog, IsNotFedWhereNobodyWatchesUs) {
    EXPECT_EQ(watchdog_period(), std::nullopt);
    for (const auto* limit : {"", "0", "-1", "30s", "18446744073709551616"}) {
        set("WATCHDOG_USEC", limit);
        EXPECT_EQ(watchdog_period(), std::nullopt) << limit;
    }
    set("WATCHDOG_USEC", "30000000");
    set("WATCHDOG_PID", std::to_string(::getpid() + 1));
    EXPECT_EQ(watchdog_period(), std::nullopt);
}

}  // namespace
}  // namespace portlid::app
