// SPDX-License-Identifier: Apache-2.0
// The thread: it never makes its caller wait, loses nothing silently, and comes back.
#include "support.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

namespace portlid::history {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr milliseconds kLong{20'000};

class HistoryTest : public InDirectory {
protected:
    // The first state that `fits`, or the last one there was.
    template <class Fits>
    static State state_when(const History& history, Fits fits) {
        auto state = history.state();
        for (int i = 0; i < 2000 && !fits(state); ++i) {
            std::this_thread::sleep_for(milliseconds(10));
            state = history.state();
        }
        return state;
    }
};

TEST_F(HistoryTest, WhatIsAddedIsOnDiskWhenAReaderHasWaited) {
    History history(options());
    history.add_events({event_line(1, noon()), event_line(2, noon())});
    history.add_flows({used("203.0.113.9", 22)});
    ASSERT_TRUE(history.wait_written(kLong));
    EXPECT_THAT(events({}), SizeIs(2));
    EXPECT_THAT(flows(), SizeIs(1));
    EXPECT_EQ(history.state().lost, 0U);
    EXPECT_EQ(history.state().queued, 0U);
    EXPECT_THAT(history.take_troubles(), IsEmpty());
}

TEST_F(HistoryTest, TheEndWritesWhatIsQueued) {
    { History(options()).add_flows({used("203.0.113.9", 22)}); }
    EXPECT_THAT(flows(), SizeIs(1));
}

TEST_F(HistoryTest, WithoutADiskItCountsExactlyWhatItLosesAndSaysSoOnce) {
    auto nowhere = options();
    nowhere.file = directory_ / "missing" / "history.db";
    History history(nowhere);
    const auto down = state_when(history, [](const State& state) { return !state.why.empty(); });
    EXPECT_FALSE(down.up);
    EXPECT_THAT(down.why, HasSubstr("missing/history.db"));
    const std::string big(300'000, 'x');
    std::uint64_t added = 0;
    for (; added < 20; ++added) history.add_events({event_line(added + 1, noon(), "x", big)});
    const auto state = history.state();
    EXPECT_EQ(state.queued + state.lost, 20U);
    EXPECT_GT(state.lost, 10U);
    ASSERT_THAT(history.take_troubles(), SizeIs(1));

    std::filesystem::create_directory(directory_ / "missing");
    ASSERT_TRUE(history.wait_written(kLong));
    const auto kept = read_events(nowhere.file, {WallTime{}});
    ASSERT_TRUE(kept);
    std::size_t total = kept->lines.size();
    if (!kept->next.empty())
        total += read_events(nowhere.file, {WallTime{}, kept->next})->lines.size();
    EXPECT_EQ(total, state.queued);
    EXPECT_TRUE(history.state().up);
    const auto troubles = history.take_troubles();
    ASSERT_THAT(troubles, SizeIs(1));
    EXPECT_THAT(troubles[0].why, HasSubstr(std::to_string(state.lost) + " records"));
}

TEST_F(HistoryTest, AFullDiskIsToldAndOverOnceThereIsRoom) {
    if (::geteuid() != 0 || ::mount("none", directory_.c_str(), "tmpfs", 0, "size=600k") != 0)
        GTEST_SKIP() << "needs a tmpfs of its own: root and mount()";
    {
        History history(options());
        ASSERT_TRUE(state_when(history, [](const State& state) { return state.up; }).up);
        const auto hog = directory_ / "hog";
        std::ofstream(hog) << std::string(2U << 20U, 'x');  // takes what is left
        std::uint64_t seq = 0;
        const std::string pad(20'000, 'x');
        for (int i = 0; i < 50; ++i) history.add_events({event_line(++seq, noon(), "x", pad)});
        const auto down = state_when(history, [](const State& state) { return !state.up; });
        EXPECT_FALSE(down.up);
        EXPECT_THAT(down.why, HasSubstr("full"));
        EXPECT_EQ(down.lost, 0U) << "it waits in the queue";
        std::filesystem::remove(hog);
        ASSERT_EQ(::mount("none", directory_.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
        ASSERT_TRUE(history.wait_written(kLong));
        EXPECT_TRUE(history.state().up);
        EXPECT_THAT(events({}), SizeIs(50));
        EXPECT_THAT(history.take_troubles(), SizeIs(2));
    }
    EXPECT_EQ(::umount2(directory_.c_str(), MNT_DETACH), 0);
}

TEST_F(HistoryTest, AClockThatJumpsAheadDoesNotEmptyIt) {
    // Everything is a year old by this machine's clock, which may as well be wrong.
    auto young = options();
    young.age = hours(24);
    const auto then = wall_now() - hours(24 * 365);
    {
        auto store = open(young);
        Batch batch;
        batch.now = then;
        batch.events = {event_line(1, then)};
        batch.flows = {used("203.0.113.9", 22, then)};
        ASSERT_TRUE(store.write(batch));
    }
    History history(young);
    history.add_events({event_line(2, wall_now())});
    ASSERT_TRUE(history.wait_written(kLong));
    EXPECT_THAT(events({}), SizeIs(2));
    EXPECT_THAT(flows(), SizeIs(1));
}

TEST_F(HistoryTest, ADamagedFileIsReplacedAndTold) {
    std::ofstream(options().file) << "certainly no database, certainly no database";
    History history(options());
    history.add_flows({used("203.0.113.9", 22)});
    ASSERT_TRUE(history.wait_written(kLong));
    EXPECT_THAT(flows(), SizeIs(1));
    const auto troubles = history.take_troubles();
    ASSERT_THAT(troubles, SizeIs(1));
    EXPECT_THAT(troubles[0].why, HasSubstr("history.db.bad"));
}

}  // namespace
}  // namespace portlid::history
