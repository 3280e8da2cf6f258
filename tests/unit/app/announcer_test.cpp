// SPDX-License-Identifier: Apache-2.0
// What one program opens port by port is one event and its update.
#include "app/announcer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/sink/support.hpp"

namespace portlid::app {
namespace {

using event::Kind;
using nlohmann::json;

class AnnouncerTest : public testing::Test {
protected:
    AnnouncerTest() {
        auto sinks = sink::FanOut::open(directory_.file("sequence"));
        auto losses = sink::Cursor::open(directory_.file("losses"), {}, (*sinks)->keeper());
        emitter_ = std::make_unique<Emitter>(std::move(*sinks), std::move(*losses));
        announcer_ = std::make_unique<Announcer>(*emitter_);
    }
    static inventory::ExposureChange change(Kind kind, std::uint16_t port,
                                            const char* exe = "/usr/bin/dockerd") {
        inventory::ExposureChange change;
        change.kind = kind;
        change.exposure.address = IpAddress::any(Family::IPv4);
        change.exposure.port = {port};
        change.last_port = {port};
        inventory::HolderView holder;
        holder.exe = exe;
        change.exposure.holder = std::make_shared<inventory::HolderView>(holder);
        return change;
    }
    static inventory::ExposureChange learnt(std::uint16_t port) {
        auto now = change(Kind::ExposureChanged, port, "/usr/bin/docker-proxy");
        now.previous = now.exposure.verdict;
        return now;
    }
    void opens(std::uint16_t port, const char* exe = "/usr/bin/dockerd") {
        announcer_->announce({change(Kind::ExposureOpened, port, exe)}, now_);
    }
    void after_ms(std::uint64_t ms) {
        now_.ns += ms * 1'000'000;
        announcer_->settle(now_);
    }
    std::vector<json> told() {
        std::vector<json> events;
        for (const auto& [seq, line] : emitter_->sinks().recent(0))
            events.push_back(json::parse(line));
        return events;
    }

    sink::TemporaryDirectory directory_;
    std::unique_ptr<Emitter> emitter_;
    std::unique_ptr<Announcer> announcer_;
    BootTime now_{1'000'000'000};
};

TEST_F(AnnouncerTest, ARangeOpenedPortByPortIsOneEventAndItsUpdate) {
    for (int port = 7100; port >= 7000; --port) {  // as dockerd does
        opens(static_cast<std::uint16_t>(port));
        after_ms(90);
    }
    ASSERT_EQ(told().size(), 1U) << "the first goes out at once, the rest is held";
    EXPECT_EQ(told()[0]["rev"], 0);
    after_ms(1500);
    const auto events = told();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1]["id"], events[0]["id"]);
    EXPECT_EQ(events[1]["rev"], 1);
    EXPECT_EQ(events[1]["ports"], (json{{"first", 7000}, {"last", 7100}}));
    after_ms(20'000);
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(AnnouncerTest, WhoseItIsComesAsAnUpdateToo) {
    opens(7000);
    opens(7001);
    announcer_->announce({learnt(7000), learnt(7001)}, now_);
    after_ms(1500);
    const auto events = told();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1]["kind"], "exposure.opened");
    EXPECT_EQ(events[1]["rev"], 1);
    EXPECT_EQ(events[1]["holder"]["exe"], "/usr/bin/docker-proxy");
    EXPECT_EQ(events[1]["ports"]["last"], 7001);
}

TEST_F(AnnouncerTest, AnotherVerdictIsAChangeAtOnce) {
    opens(7000);
    auto change = learnt(7000);
    change.previous = inventory::ExposureVerdict::Closed;
    announcer_->announce({change}, now_);
    ASSERT_EQ(told().size(), 2U);
    EXPECT_EQ(told()[1]["kind"], "exposure.changed");
}

TEST_F(AnnouncerTest, WhatComesTogetherIsToldTogether) {
    announcer_->announce({change(Kind::ExposureOpened, 80), change(Kind::ExposureOpened, 443)},
                         now_);
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(AnnouncerTest, PortsThatAreNoNeighboursAreNotHeld) {
    opens(7000);
    opens(9000);
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(AnnouncerTest, NeighboursOfAnotherHolderAreAnEventOfTheirOwn) {
    opens(7000);
    opens(7001, "/tmp/miner");
    after_ms(1500);
    const auto events = told();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_NE(events[1]["id"], events[0]["id"]);
    EXPECT_EQ(events[1]["holder"]["exe"], "/tmp/miner");
}

TEST_F(AnnouncerTest, WhatIsHeldWaitsFifteenSecondsAtMost) {
    for (int port = 7000; port < 7200; ++port) {
        opens(static_cast<std::uint16_t>(port));
        after_ms(100);
    }
    EXPECT_EQ(told().size(), 2U);
}

TEST_F(AnnouncerTest, AnOpeningIsToldBeforeItCloses) {
    opens(7000);
    opens(7001);
    announcer_->announce({change(Kind::ExposureClosed, 7001)}, now_);
    const auto events = told();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[1]["ports"]["last"], 7001);
    EXPECT_EQ(events[2]["kind"], "exposure.closed");
}

std::vector<std::string> kinds(const std::vector<json>& events) {
    std::vector<std::string> kinds;
    for (const auto& event : events) kinds.push_back(event["kind"].get<std::string>().substr(9));
    return kinds;
}

TEST_F(AnnouncerTest, WhatIsOpenedAgainIsToldAgainAtOnce) {
    for (int i = 0; i < 2; ++i) {
        opens(7000);
        after_ms(100);
        announcer_->announce({change(Kind::ExposureClosed, 7000)}, now_);
        after_ms(100);
    }
    EXPECT_THAT(kinds(told()), testing::ElementsAre("opened", "closed", "opened", "closed"));
    after_ms(20'000);
    EXPECT_EQ(told().size(), 4U);
}

TEST_F(AnnouncerTest, WhatIsClosedIsNotToldAsOpenWithItsNeighbour) {
    opens(7000);
    announcer_->announce({change(Kind::ExposureClosed, 7000)}, now_);
    opens(7001);
    after_ms(20'000);
    const auto events = told();
    EXPECT_THAT(kinds(events), testing::ElementsAre("opened", "closed", "opened"));
    EXPECT_EQ(events[2]["port"], 7001);
    EXPECT_FALSE(events[2].contains("ports"));
}

TEST_F(AnnouncerTest, WhatIsWorseIsNotHeld) {
    opens(7000);
    auto worse = change(Kind::ExposureOpened, 7001);
    worse.severity = event::Severity::Critical;
    announcer_->announce({worse}, now_);
    ASSERT_EQ(told().size(), 2U);
    EXPECT_EQ(told()[1]["severity"], "critical");
}

TEST_F(AnnouncerTest, AFirstJoinOfThousandsHoldsNothing) {
    std::vector<inventory::ExposureChange> all;
    for (int port = 1; port < 20000; port += 2)
        all.push_back(change(Kind::ExposureOpened, static_cast<std::uint16_t>(port)));
    announcer_->announce(all, now_);
    opens(2);
    EXPECT_EQ(told().back()["port"], 2);
}

TEST_F(AnnouncerTest, TheEndTellsWhatIsHeld) {
    opens(7000);
    opens(7001);
    announcer_->flush();
    EXPECT_EQ(told().size(), 2U);
}

}  // namespace
}  // namespace portlid::app
