// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "control/client.hpp"
#include "control/follower.hpp"
#include "support.hpp"

namespace portlid::control {
namespace {

std::string gap(std::uint64_t count) {
    return "gap " + std::to_string(count);
}

std::string take_all(Follower& follower, std::size_t block = 7) {
    std::string all;
    std::string buffer(block, '\0');
    while (const auto got = follower.take(buffer)) all.append(buffer, 0, got);
    return all;
}

TEST(Follower, GivesLinesInOrderInAnyBlockSize) {
    Follower follower({"one", "two"}, 100);
    follower.add({"three"}, gap);
    EXPECT_EQ(take_all(follower, 1), "one\ntwo\nthree\n");
    EXPECT_TRUE(follower.empty());
    EXPECT_FALSE(follower.finished());
}

TEST(Follower, DoesNotCountItsHistoryAgainstTheLimit) {
    Follower follower({std::string(500, 'h')}, 100);
    follower.add({"new"}, gap);
    EXPECT_FALSE(follower.finished());
    EXPECT_EQ(take_all(follower), std::string(500, 'h') + "\nnew\n");
}

TEST(Follower, ThatFallsBehindGetsTheExactCountAndTheEnd) {
    Follower follower({}, 20);
    follower.add({"0123456789"}, gap);
    follower.add({"0123456789", "x"}, gap);
    EXPECT_TRUE(follower.finished());
    EXPECT_EQ(take_all(follower), "gap 3\n");
}

TEST(Follower, NeverCutsALineThatIsHalfOut) {
    Follower follower({}, 20);
    follower.add({"0123456789"}, gap);
    std::string three(3, '\0');
    ASSERT_EQ(follower.take(three), 3U);
    follower.add({"aaaaaaaaaaaaaaaaaaaaaaaa", "b"}, gap);
    EXPECT_EQ(three + take_all(follower), "0123456789\ngap 2\n");
}

TEST(Follower, TakesNothingMoreOnceItIsFinished) {
    Follower follower({}, 100);
    follower.finish();
    follower.add({"late"}, gap);
    EXPECT_EQ(take_all(follower), "");
}

class EventStream : public testing::Test {
protected:
    TemporaryDirectory directory_;
    ScriptedApi api_;
    RunningServer server_{directory_.path(), api_};
};

TEST_F(EventStream, WithoutFollowGivesWhatThereIsAndEnds) {
    api_.append("{\"seq\":1}");
    api_.append("{\"seq\":2}");
    const auto answer = RawClient(directory_.socket()).ask(get_request("/v1/events"));
    EXPECT_THAT(answer, testing::HasSubstr("application/x-ndjson"));
    EXPECT_THAT(answer, testing::EndsWith("{\"seq\":1}\n{\"seq\":2}\n"));
}

TEST_F(EventStream, WithFollowGivesTheHistoryThenWhatComes) {
    api_.append("{\"seq\":1}");
    RawClient client(directory_.socket());
    client.send(get_request("/v1/events?follow=1"));
    EXPECT_THAT(client.read_until("\"seq\":1"), testing::HasSubstr("{\"seq\":1}\n"));
    api_.append("{\"seq\":2}");
    server_.wake();
    EXPECT_THAT(client.read_until("\"seq\":2"), testing::HasSubstr("{\"seq\":2}\n"));
    EXPECT_FALSE(client.closed());
}

TEST_F(EventStream, ServesManyFollowersAtOnce) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(std::make_unique<RawClient>(directory_.socket()));
        clients.back()->send(get_request("/v1/events?follow=1"));
        clients.back()->read_until("\r\n\r\n");
    }
    api_.append("{\"seq\":1}");
    server_.wake();
    for (auto& client : clients)
        EXPECT_THAT(client->read_until("\"seq\":1"), testing::HasSubstr("\"seq\":1"));
}

TEST_F(EventStream, DropsAFollowerThatDoesNotReadAndTellsItHowMuchItMissed) {
    RawClient client(directory_.socket());
    client.send(get_request("/v1/events?follow=1"));
    client.read_until("\r\n\r\n");
    for (int i = 0; i < 40; ++i) {
        const int before = api_.pulls;
        for (int n = 0; n < 100; ++n) api_.append(std::string(1024, 'e'));
        server_.wake();
        while (api_.pulls == before && i < 10) std::this_thread::yield();
    }
    const auto all = client.read_to_end();
    EXPECT_TRUE(client.closed());
    EXPECT_THAT(all, testing::HasSubstr("\"kind\":\"sensor.gap\""));
    EXPECT_LT(all.size(), 3U << 20U);
}

TEST_F(EventStream, EndsCleanlyForItsFollowersWhenTheSensorStops) {
    const TemporaryDirectory directory;
    auto server = std::make_unique<RunningServer>(directory.path(), api_);
    RawClient client(directory.socket());
    client.send(get_request("/v1/events?follow=1"));
    client.read_until("\r\n\r\n");
    server.reset();
    EXPECT_THAT(client.read_to_end(), testing::EndsWith("0\r\n\r\n"));
}

TEST_F(EventStream, ForgetsAFollowerThatWentAway) {
    for (int i = 0; i < 100; ++i) {  // more than the 64 connections there are
        RawClient client(directory_.socket());
        client.send(get_request("/v1/events?follow=1"));
        EXPECT_THAT(client.read_until("\r\n\r\n"), testing::HasSubstr("200 OK")) << i;
    }
}

TEST_F(EventStream, ReachesTheClientLineByLine) {
    api_.append("{\"seq\":1}");
    api_.append("{\"seq\":2}");
    std::vector<std::string> seen;
    const Client client(directory_.socket());
    const auto result = client.stream("/v1/events?follow=1", [&](std::string_view line) {
        seen.emplace_back(line);
        return seen.size() < 2;
    });
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_THAT(seen, testing::ElementsAre("{\"seq\":1}", "{\"seq\":2}"));
}

}  // namespace
}  // namespace portlid::control
