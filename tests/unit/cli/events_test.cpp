// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/event_view.hpp"
#include "support.hpp"

namespace portlid::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string verdict(int seq, const std::string& word = "would_drop",
                    const std::string& container = "shop-db-1",
                    const std::string& time = "2026-03-01T10:15:02.123456789Z") {
    return fmt::format(
        R"({{"v":1,"id":"x","rev":0,"seq":{},"time":"{}","kind":"net.verdict","severity":"high",)"
        R"("mode":"monitor","verdict":"{}","reason":"no_service",)"
        R"("rule":{{"name":"public default","source":"policy.yaml:6"}},)"
        R"("net":{{"transport":"tcp","interface":"eth0","zone":"public"}},)"
        R"("src":{{"ip":"203.0.113.7","port":51322}},"dst":{{"ip":"2001:db8::1","port":5432}},)"
        R"("target":{{"pid":8079,"exe":"/usr/sbin/docker-proxy","inner":"172.18.0.3:5432",)"
        R"("container":{{"id":"9f3c00000000aaaa","name":"{}","compose":{{"project":"shop",)"
        R"("service":"db"}}}}}},"count":3}})",
        seq, time, word, container);
}

const char* const kListen =
    R"({"v":1,"seq":50,"time":"2026-03-01T10:15:02Z","kind":"socket.listen","severity":"medium",)"
    R"("process":{"pid":7,"exe":"/usr/bin/nc","comm":"nc"},"container":null,)"
    R"("socket":{"transport":"tcp","address":"::","port":80},"exposure":{"scope":"public"}})";

int lines_in(const std::string& text) {
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(Cli, PrintsOneLineForAnEvent) {
    backend_.answers["/v1/events"] = verdict(1) + "\n" + kListen + "\n";
    ASSERT_EQ(portlid({"events"}), 0);
    EXPECT_EQ(lines_in(console_.data), 2);
    EXPECT_THAT(console_.data,
                HasSubstr("would_drop 203.0.113.7:51322 -> [2001:db8::1]:5432/tcp for shop-db-1 "
                          "(172.18.0.3:5432)  no_service, public default (policy.yaml:6)  "
                          "eth0/public  x3"));
    EXPECT_THAT(console_.data, HasSubstr("[::]:80/tcp by /usr/bin/nc (pid 7)  scope public"));
}

TEST_F(Cli, GivesScriptsTheLinesAsTheyCame) {
    const auto line = verdict(1);
    backend_.answers["/v1/events"] = line + "\n";
    portlid({"events", "-o", "jsonl"});
    EXPECT_EQ(console_.data, line + "\n");
    portlid({"events", "-o", "csv"});
    EXPECT_THAT(console_.data, testing::StartsWith("time,seq,kind,"));
    EXPECT_THAT(console_.data, HasSubstr("203.0.113.7:51322,[2001:db8::1]:5432,tcp,shop-db-1,3"));
}

TEST_F(Cli, FiltersEventsByKindVerdictAndContainer) {
    backend_.answers["/v1/events"] =
        verdict(1) + "\n" + verdict(2, "allow", "web") + "\n" + kListen + "\n";
    const auto count = [&](std::vector<std::string> flags) {
        flags.insert(flags.begin(), "events");
        EXPECT_EQ(portlid(flags), 0);
        return lines_in(console_.data);
    };
    EXPECT_EQ(count({"--kind", "net.*"}), 2);
    EXPECT_EQ(count({"--kind", "net.verdict", "--kind", "socket.listen"}), 3);
    EXPECT_EQ(count({"--verdict", "would_drop"}), 1);
    EXPECT_EQ(count({"--verdict", "would_drop", "--verdict", "allow"}), 2);
    EXPECT_EQ(count({"--container", "shop-*"}), 1);
    EXPECT_EQ(count({"--container", "db"}), 2);
    EXPECT_EQ(count({"--container", "9f3c"}), 2);
    EXPECT_EQ(count({"--container", "9f3"}), 0);
    EXPECT_EQ(count({"--kind", "net.*", "--verdict", "drop"}), 0);
    EXPECT_EQ(count({"--first", "2"}), 2);
}

TEST_F(Cli, SaysThatOlderEventsAreGoneWhenSinceAsksForThem) {
    const auto now = to_rfc3339(wall_now());
    backend_.answers["/v1/events"] =
        verdict(700, "drop", "a", "2020-01-01T00:00:00Z") + "\n" + verdict(701, "drop", "b", now);
    ASSERT_EQ(portlid({"events", "--since", "1h"}), 0);
    EXPECT_EQ(lines_in(console_.data), 1);
    EXPECT_EQ(console_.messages, "");
    backend_.answers["/v1/events"] = verdict(700, "drop", "a", now) + "\n";
    ASSERT_EQ(portlid({"events", "--since", "1h"}), 0);
    EXPECT_THAT(console_.messages, HasSubstr("the sensor holds events since " + now));
    backend_.answers["/v1/events"] = verdict(1, "drop", "a", now) + "\n";
    ASSERT_EQ(portlid({"events", "--since", "1h"}), 0);
    EXPECT_EQ(console_.messages, "");
}

TEST_F(Cli, FollowsAfterTheLastTenWithoutRepeatingAny) {
    std::string history;
    for (int seq = 1; seq <= 30; ++seq) history += verdict(seq) + "\n";
    backend_.answers["/v1/events"] = history;
    backend_.lines = {verdict(29), verdict(30), verdict(31), verdict(32)};
    ASSERT_EQ(portlid({"events", "-f", "-o", "jsonl"}), 0);
    EXPECT_EQ(lines_in(console_.data), 12);
    EXPECT_THAT(console_.data, testing::StartsWith(verdict(21)));
    EXPECT_THAT(console_.data, testing::EndsWith(verdict(32) + "\n"));
    EXPECT_THAT(backend_.asked.back(), HasSubstr("follow=1"));
}

TEST_F(Cli, EndsAfterTheFirstEventsWhileFollowing) {
    backend_.answers["/v1/events"] = "";
    backend_.lines = {verdict(1, "allow"), verdict(2), verdict(3)};
    ASSERT_EQ(portlid({"events", "-f", "--verdict", "would_drop", "--first", "1", "-o", "jsonl"}),
              0);
    EXPECT_EQ(console_.data, verdict(2) + "\n");
}

TEST_F(Cli, StopsQuietlyWhenNobodyReadsAnyMore) {
    backend_.answers["/v1/events"] = verdict(1) + "\n" + verdict(2) + "\n";
    console_.closed = true;
    EXPECT_EQ(portlid({"events", "-f"}), 0);
    EXPECT_EQ(console_.messages, "");
    EXPECT_EQ(backend_.asked.size(), 1U);
}

TEST_F(Cli, SkipsLinesThatAreNoEvents) {
    backend_.answers["/v1/events"] = "garbage\n\n[1]\n7\n" + verdict(1) + "\n{\"half\":";
    ASSERT_EQ(portlid({"events", "-o", "jsonl"}), 0);
    EXPECT_EQ(console_.data, verdict(1) + "\n");
}

TEST(EventLine, TellsAGapInPlainWords) {
    const auto gap =
        Json::parse(R"({"kind":"sensor.gap","time":"2026-03-01T10:15:02Z","severity":"medium",)"
                    R"("gap":{"cause":"ring","count":17,"since":"2026-03-01T10:15:01Z"}})");
    EXPECT_THAT(event_line(gap, false),
                HasSubstr("17 events lost (ring) since 2026-03-01T10:15:01Z"));
}

TEST(EventLine, ShowsTheFieldsOfAKindThatItHasNoSentenceFor) {
    const auto event = Json::parse(
        R"({"v":1,"kind":"mode.changed","mode":{"from":"monitor","to":"enforce"},"why":"SIGHUP"})");
    const auto line = event_line(event, false);
    EXPECT_THAT(line, HasSubstr("mode {\"from\":\"monitor\",\"to\":\"enforce\"}  why SIGHUP"));
    EXPECT_THAT(line, Not(HasSubstr("v 1")));
}

TEST(EventTime, IsReadToTheNanosecondAndOnlyInUtc) {
    const auto time = [](const char* text) { return event_time({{"time", text}}); };
    ASSERT_TRUE(time("2026-03-01T10:15:02.123456789Z"));
    EXPECT_EQ(to_rfc3339(*time("2026-03-01T10:15:02.123456789Z")),
              "2026-03-01T10:15:02.123456789Z");
    EXPECT_TRUE(time("2026-03-01T10:15:02Z"));
    for (const auto* wrong :
         {"", "now", "2026-03-01", "2026-03-01T10:15:02", "2026-03-01T10:15:02+01:00"})
        EXPECT_FALSE(time(wrong)) << wrong;
}

}  // namespace
}  // namespace portlid::cli
