// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <csignal>

#include "sink/sink.hpp"
#include "sink/spooler.hpp"
#include "support.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;

// Takes what it is told to take and remembers it.
struct Captured {
    std::vector<std::uint64_t> seqs;
    bool full = false;
    std::uint64_t lost = 0;
    int reopened = 0;
};

class CaptureSink : public Sink {
public:
    explicit CaptureSink(Captured& into) : into_(into) {}
    void write(const Record& event) override {
        if (into_.full)
            ++into_.lost;
        else
            into_.seqs.push_back(event.seq);
    }
    void pump() override {}
    void reopen() override { ++into_.reopened; }
    [[nodiscard]] SinkState state() const override {
        return {"capture", !into_.full, into_.full ? "full" : "", 0, into_.lost, !into_.full};
    }

private:
    Captured& into_;
};

class FanOutTest : public testing::Test {
protected:
    TemporaryDirectory directory_;
    std::string path_ = directory_.file("sequence");
    std::unique_ptr<FanOut> open() {
        auto fan_out = FanOut::open(path_);
        if (!fan_out) ADD_FAILURE() << fan_out.error().message;
        return fan_out ? std::move(*fan_out) : nullptr;
    }
};

TEST_F(FanOutTest, NumbersEventsFromOneForEverySink) {
    Captured a, b;
    const auto fan_out = open();
    fan_out->add(std::make_unique<CaptureSink>(a));
    fan_out->add(std::make_unique<CaptureSink>(b));
    for (int i = 0; i < 3; ++i) fan_out->emit(sample("x"));
    EXPECT_THAT(a.seqs, testing::ElementsAre(1, 2, 3));
    EXPECT_EQ(a.seqs, b.seqs);
    EXPECT_EQ(fan_out->emitted(), 3U);
}

TEST_F(FanOutTest, GoesOnCountingAfterARestart) {
    open()->emit(sample("x"));
    const auto again = open();
    Captured seen;
    again->add(std::make_unique<CaptureSink>(seen));
    again->emit(sample("y"));
    EXPECT_THAT(seen.seqs, testing::ElementsAre(2));
}

TEST_F(FanOutTest, GoesOnCountingAfterKillNine) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto fan_out = FanOut::open(path_);
        for (int i = 0; i < 5; ++i) (*fan_out)->emit(sample("x"));
        ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(open()->emitted(), 5U);
}

TEST_F(FanOutTest, RefusesASecondProcessOnTheSameSequence) {
    const auto first = open();
    const auto second = FanOut::open(path_);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("another sensor"));
    EXPECT_THAT(second.error().hint, HasSubstr("--state-dir"));
}

TEST_F(FanOutTest, RefusesAFileThatIsNoSequence) {
    std::ofstream(path_) << "this is somebody's letter";
    const auto opened = FanOut::open(path_);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().hint, HasSubstr("mv "));
    EXPECT_EQ(content(path_), "this is somebody's letter");
}

TEST_F(FanOutTest, StartsOverFromAFileThatAPowerLossEmptied) {
    std::ofstream(path_).close();
    EXPECT_EQ(open()->emitted(), 0U);
}

TEST_F(FanOutTest, KeepsRecentLinesInOrderAndAtMostTwoMebibytes) {
    const auto fan_out = open();
    for (int i = 0; i < 300; ++i) fan_out->emit(sample("x", 10000));
    const auto all = fan_out->recent(0);
    std::size_t bytes = 0;
    for (const auto& [seq, line] : all) bytes += line.size();
    EXPECT_LE(bytes, 2U << 20U);
    EXPECT_GT(bytes, 1U << 20U);
    EXPECT_EQ(all.back().first, 300U);
    EXPECT_EQ(all.back().first - all.front().first + 1, all.size());
    EXPECT_THAT(all.back().second, HasSubstr("\"seq\":300"));
    EXPECT_EQ(fan_out->recent(299).size(), 1U);
    EXPECT_TRUE(fan_out->recent(300).empty());
    EXPECT_TRUE(fan_out->recent(1U << 30U).empty());
}

TEST_F(FanOutTest, TellsALossOnceTheSinkHasRoomAgainAndOnlyOnce) {
    Captured slow, good;
    const auto fan_out = open();
    fan_out->add(std::make_unique<CaptureSink>(slow));
    fan_out->add(std::make_unique<CaptureSink>(good));
    fan_out->emit(sample("x"));
    slow.full = true;
    fan_out->emit(sample("x"));
    fan_out->emit(sample("x"));
    EXPECT_TRUE(fan_out->take_gaps().empty());
    EXPECT_EQ(fan_out->lost_in_queues(), 2U);
    slow.full = false;
    const auto gaps = fan_out->take_gaps();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].count, 2U);
    EXPECT_EQ(gaps[0].sink, "capture");
    EXPECT_NE(gaps[0].since, WallTime{});
    EXPECT_TRUE(fan_out->take_gaps().empty());
    EXPECT_EQ(good.seqs.size(), 3U);
}

TEST_F(FanOutTest, PassesReopenToEverySinkAndReportsTheirStates) {
    Captured seen;
    const auto fan_out = open();
    fan_out->add(std::make_unique<CaptureSink>(seen));
    fan_out->reopen();
    EXPECT_EQ(seen.reopened, 1);
    EXPECT_EQ(fan_out->states().at(0).name, "capture");
}

}  // namespace
}  // namespace portlid::sink
