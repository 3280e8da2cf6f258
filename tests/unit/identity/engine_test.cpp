// SPDX-License-Identifier: Apache-2.0
// The client and the watcher against an engine that is good, gone, slow and mad.
#include "identity/engine.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "fakes/fake_engine.hpp"
#include "identity/engine_sync.hpp"

namespace portlid::identity {
namespace {

using namespace std::chrono_literals;
using fakes::fake_id;
using fakes::FakeContainer;
using fakes::FakeEngine;
using fakes::Manner;

const std::string kPorts = R"({"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]})";

std::chrono::milliseconds time_of(const auto& action) {
    const auto begin = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
}

// A watcher and a way to wait for a snapshot that satisfies a condition.
class Watched {
public:
    explicit Watched(const std::string& endpoint)
        : watcher_(std::in_place, endpoint, [this] {
              const std::lock_guard lock(mutex_);
              changed_.notify_all();
          }) {}
    bool wait_for(const auto& condition) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 15s, [&] { return watcher_ && condition(*now()); });
    }
    std::shared_ptr<const EngineSnapshot> now() { return watcher_->snapshot(); }
    void stop() { watcher_.reset(); }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<EngineWatcher> watcher_;
};

TEST(EngineList, ReadsEveryRunningContainer) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web", "tiny:1", kPorts});
    engine.put({fake_id('b'), "db"});
    const auto snapshot = engine_list(engine.endpoint());
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    EXPECT_TRUE(snapshot->reachable);
    EXPECT_EQ(snapshot->problem, "");
    ASSERT_EQ(snapshot->containers.size(), 2U);
    const auto* web = snapshot->find(fake_id('a'));
    ASSERT_NE(web, nullptr);
    EXPECT_EQ(web->published.at(0).container_address.to_string(), "172.17.0.2");
    EXPECT_EQ(snapshot->find("aaaaaaaaaaaa"), web);
    EXPECT_EQ(snapshot->find("aaaaaaaaaaa"), nullptr);
    EXPECT_EQ(snapshot->find(""), nullptr);
}

TEST(EngineList, DoesNotGuessBetweenTwoContainersWithTheSameTwelveDigits) {
    EngineSnapshot snapshot;
    snapshot.containers[std::string(63, 'a') + "1"].name = "one";
    snapshot.containers[std::string(63, 'a') + "2"].name = "two";
    EXPECT_EQ(snapshot.find("aaaaaaaaaaaa"), nullptr);
}

TEST(EngineList, RefusesAnEndpointThatIsNoUnixSocketWithTheUsageCode) {
    for (const char* endpoint :
         {"tcp://10.0.0.1:2375", "/run/docker.sock", "unix://", "unix://run", "http://x", ""}) {
        SCOPED_TRACE(endpoint);
        const auto snapshot = engine_list(endpoint);
        ASSERT_FALSE(snapshot);
        EXPECT_EQ(snapshot.error().code, ExitCode::Usage);
        EXPECT_FALSE(snapshot.error().hint.empty());
    }
    EXPECT_FALSE(check_endpoint("unix:///" + std::string(200, 'x')));
}

TEST(EngineList, NamesTheSocketThatIsNotThere) {
    const auto snapshot = engine_list("unix:///nowhere/docker.sock");
    ASSERT_FALSE(snapshot);
    EXPECT_NE(snapshot.error().message.find("/nowhere/docker.sock"), std::string::npos);
    EXPECT_FALSE(snapshot.error().hint.empty());
}

TEST(EngineList, GivesUpOnAnEngineThatHangs) {
    FakeEngine engine;
    engine.behave(Manner::Hang);
    const auto took = time_of([&] { EXPECT_FALSE(engine_list(engine.endpoint())); });
    EXPECT_LT(took, 5s);
}

TEST(EngineList, RefusesGarbageHugeAndHalfAnswers) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web"});
    for (const auto manner : {Manner::Garbage, Manner::Huge, Manner::Half}) {
        SCOPED_TRACE(static_cast<int>(manner));
        engine.behave(manner);
        const auto snapshot = engine_list(engine.endpoint());
        ASSERT_FALSE(snapshot);
        EXPECT_FALSE(snapshot.error().message.empty());
    }
}

TEST(EngineList, KeepsTheOthersWhenOneContainerCannotBeInspected) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web", "tiny:1", kPorts});
    engine.put({fake_id('b'), "stuck"});
    engine.behave_on("/containers/" + fake_id('b') + "/json", Manner::Garbage);
    const auto snapshot = engine_list(engine.endpoint());
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    EXPECT_EQ(snapshot->find(fake_id('a'))->published.size(), 1U);
    EXPECT_EQ(snapshot->find(fake_id('b'))->name, "stuck");
    EXPECT_NE(snapshot->problem.find("bbbbbbbbbbbb"), std::string::npos);
}

TEST(EngineGet, ReportsAStatusThatIsNotOk) {
    FakeEngine engine;
    const auto answer = engine_get(engine.endpoint(), "/nothing", 1024);
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("404"), std::string::npos);
}

TEST(Watcher, SyncsAtStartAndFollowsEvents) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web"});
    Watched watched(engine.endpoint());
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.find(fake_id('a')) != nullptr; }));
    engine.wait_for_stream();
    engine.put({fake_id('b'), "late"});
    engine.emit(R"({"Type":"container","Action":"start","Actor":{"ID":")" + fake_id('b') +
                R"("}})");
    ASSERT_TRUE(watched.wait_for([](auto& s) {
        const auto* late = s.find(fake_id('b'));
        return late != nullptr && late->running;
    }));
    EXPECT_TRUE(watched.now()->reachable);
}

TEST(Watcher, RemembersARemovedContainerWithoutItsPorts) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web", "tiny:1", kPorts});
    Watched watched(engine.endpoint());
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.find(fake_id('a')) != nullptr; }));
    engine.wait_for_stream();
    engine.remove(fake_id('a'));
    engine.emit(R"({"Type":"container","Action":"die"})");
    ASSERT_TRUE(watched.wait_for([](auto& s) { return !s.find(fake_id('a'))->running; }));
    const auto* web = watched.now()->find(fake_id('a'));
    EXPECT_EQ(web->name, "web");
    EXPECT_TRUE(web->published.empty());
    EXPECT_EQ(web->pid, 0U);
}

TEST(Watcher, NamesAContainerThatOnlyEverAppearedInAnEvent) {
    FakeEngine engine;
    Watched watched(engine.endpoint());
    engine.wait_for_stream();
    engine.emit(R"({"Type":"container","Action":"die","Actor":{"ID":")" + fake_id('d') +
                R"(","Attributes":{"name":"blink","image":"tiny:1"}}})");
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.find(fake_id('d')) != nullptr; }));
    EXPECT_EQ(watched.now()->find(fake_id('d'))->name, "blink");
}

TEST(Watcher, GathersAStormOfEventsIntoFewListings) {
    FakeEngine engine;
    Watched watched(engine.endpoint());
    engine.wait_for_stream();
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.reachable; }));
    const auto before = engine.listings();
    for (unsigned i = 0; i < 500; ++i) engine.emit(R"({"Type":"container","Action":"start"})");
    const auto version = watched.now()->version;
    ASSERT_TRUE(watched.wait_for([&](auto& s) { return s.version > version; }));
    EXPECT_LE(engine.listings() - before, 10U);
}

TEST(Watcher, ReconnectsWithAFullSyncWhenTheStreamBreaks) {
    FakeEngine engine;
    Watched watched(engine.endpoint());
    engine.wait_for_stream();
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.reachable; }));
    engine.put({fake_id('e'), "after"});
    engine.close_streams();
    EXPECT_TRUE(watched.wait_for([](auto& s) { return s.find(fake_id('e')) != nullptr; }));
}

TEST(Watcher, KeepsTheLastGoodNamesAndSaysWhatIsWrong) {
    FakeEngine engine;
    engine.put({fake_id('a'), "web", "tiny:1", kPorts});
    Watched watched(engine.endpoint());
    engine.wait_for_stream();
    ASSERT_TRUE(watched.wait_for([](auto& s) { return s.reachable; }));
    engine.behave(Manner::Garbage);
    engine.emit(R"({"Type":"container","Action":"start"})");
    ASSERT_TRUE(watched.wait_for([](auto& s) { return !s.reachable; }));
    EXPECT_EQ(watched.now()->find(fake_id('a'))->published.size(), 1U);
    EXPECT_NE(watched.now()->problem, "");
    engine.behave(Manner::Good);
    EXPECT_TRUE(watched.wait_for([](auto& s) { return s.reachable && s.problem.empty(); }));
}

TEST(Watcher, StopsWithinASecondWhileTheEngineHangs) {
    FakeEngine engine;
    engine.behave(Manner::Hang);
    Watched watched(engine.endpoint());
    EXPECT_LT(time_of([&] { watched.stop(); }), 1s);
}

TEST(Watcher, StopsWithinASecondWhileNothingListens) {
    Watched watched("unix:///nowhere/docker.sock");
    ASSERT_TRUE(watched.wait_for(
        [](auto& s) { return s.problem.find("/nowhere/docker.sock") != std::string::npos; }));
    EXPECT_LT(time_of([&] { watched.stop(); }), 1s);
}

TEST(Watcher, NeverMakesItsReadersWait) {
    FakeEngine engine;
    engine.behave(Manner::Hang);
    Watched watched(engine.endpoint());
    EXPECT_LT(time_of([&] {
                  for (unsigned i = 0; i < 1000; ++i) ASSERT_NE(watched.now(), nullptr);
              }),
              500ms);
}

TEST(Watcher, SaysWhatIsWrongWithABadEndpointAndStartsNothing) {
    const EngineWatcher watcher("tcp://127.0.0.1:2375", {});
    EXPECT_NE(watcher.snapshot()->problem.find("unix://"), std::string::npos);
    EXPECT_FALSE(watcher.snapshot()->reachable);
}

TEST(Tombstones, LastTenMinutesAndAreBounded) {
    Tombstones graves;
    const auto start = Tombstones::Clock::time_point() + 1h;
    for (unsigned i = 0; i < 5000; ++i) {
        Container container;
        container.id = std::to_string(i);
        graves.bury(container, start + std::chrono::milliseconds(i));
    }
    EXPECT_EQ(graves.size(), 4096U);
    std::map<std::string, Container> shown;
    graves.add_to(shown);
    EXPECT_FALSE(shown.contains("0"));
    EXPECT_TRUE(shown.contains("4999"));
    graves.expire(start + 11min);
    EXPECT_EQ(graves.size(), 0U);
}

}  // namespace
}  // namespace portlid::identity
