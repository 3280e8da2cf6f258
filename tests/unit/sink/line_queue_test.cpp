// SPDX-License-Identifier: Apache-2.0
#include "sink/line_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace portlid::sink {
namespace {

TEST(LineQueue, WritesLinesInOrderHoweverFewBytesAreTakenAtATime) {
    LineQueue queue(100);
    ASSERT_TRUE(queue.push("one"));
    ASSERT_TRUE(queue.push("two"));
    std::string out;
    EXPECT_EQ(queue.drain([&](std::string_view bytes) {
        out += bytes.front();
        return std::ptrdiff_t{1};
    }),
              0);
    EXPECT_EQ(out, "one\ntwo\n");
    EXPECT_EQ(queue.lines(), 0U);
}

TEST(LineQueue, RefusesALineOneByteAboveItsLimit) {
    LineQueue queue(8);
    EXPECT_TRUE(queue.push("1234567"));  // 8 with its newline
    EXPECT_FALSE(queue.push(""));
    LineQueue small(7);
    EXPECT_FALSE(small.push("1234567"));
}

TEST(LineQueue, GoesOnInTheMiddleOfALineAfterAPause) {
    LineQueue queue(100);
    ASSERT_TRUE(queue.push("abcdef"));
    std::string out;
    int calls = 0;
    const auto two_then_wait = [&](std::string_view bytes) -> std::ptrdiff_t {
        if (calls++ == 1) return 0;
        out += bytes.substr(0, 2);
        return 2;
    };
    EXPECT_EQ(queue.drain(two_then_wait), 0);
    EXPECT_EQ(out, "ab");
    EXPECT_EQ(queue.drain([&](std::string_view bytes) {
        out += bytes;
        return static_cast<std::ptrdiff_t>(bytes.size());
    }),
              0);
    EXPECT_EQ(out, "abcdef\n");
}

TEST(LineQueue, StartsALineOverForANewDescriptor) {
    LineQueue queue(100);
    ASSERT_TRUE(queue.push("abc"));
    EXPECT_EQ(queue.drain([n = 0](std::string_view) mutable -> std::ptrdiff_t {
        return n++ == 0 ? 2 : -ENOSPC;
    }),
              ENOSPC);
    queue.restart_front();
    std::string out;
    EXPECT_EQ(queue.drain([&](std::string_view bytes) {
        out += bytes;
        return static_cast<std::ptrdiff_t>(bytes.size());
    }),
              0);
    EXPECT_EQ(out, "abc\n");
}

TEST(LineQueue, SaysHowManyLinesItGaveUp) {
    LineQueue queue(100);
    ASSERT_TRUE(queue.push("a"));
    ASSERT_TRUE(queue.push("b"));
    EXPECT_EQ(queue.clear(), 2U);
    EXPECT_TRUE(queue.has_room());
}

}  // namespace
}  // namespace portlid::sink
