// SPDX-License-Identifier: Apache-2.0
// Sinks without a spool: what a run does not get rid of is counted, and told by the next one.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "sink/account.hpp"
#include "sink/sequence.hpp"
#include "spool_fixture.hpp"

namespace portlid::sink {
namespace {

class BackgroundTest : public SpoolTest {
protected:
    PageKeeper in_place_;
    SinkSpec spec_ = *parse_spec("file:" + directory_.file("out"));
    SinkSpec other_ = *parse_spec("file:" + directory_.file("other"));

    std::unique_ptr<FanOut> start(const SinkSpec& spec) {
        auto fan_out = std::move(*FanOut::open(directory_.file("sequence")));
        const auto added = add_sinks(*fan_out, {spec}, path_);
        EXPECT_TRUE(added) << added.error().message;
        return fan_out;
    }
    // The target is what takes nothing, and then a file.
    void full() const { std::filesystem::create_symlink("/dev/full", spec_.path); }
    void room() const { std::filesystem::remove(spec_.path); }
    UniqueFd pipe() const {
        EXPECT_EQ(::mkfifo(spec_.path.c_str(), 0600), 0);
        return UniqueFd(::open(spec_.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
    static std::uint64_t lines_in(const UniqueFd& pipe) {
        std::array<char, 65536> some{};
        std::uint64_t lines = 0;
        for (ssize_t n = 0; (n = ::read(pipe.get(), some.data(), some.size())) > 0;)
            lines += static_cast<std::uint64_t>(std::count(some.data(), some.data() + n, '\n'));
        return lines;
    }
    // What a start tells of the runs before, once.
    std::uint64_t told(const SinkSpec& spec) {
        const auto fan_out = start(spec);
        const auto gaps = fan_out->take_gaps();
        EXPECT_TRUE(fan_out->take_gaps().empty());
        if (gaps.empty()) return 0;
        EXPECT_EQ(gaps.size(), 1U);
        EXPECT_STREQ(gaps[0].cause, "queue");
        EXPECT_EQ(gaps[0].sink, spec.name);
        EXPECT_NE(gaps[0].since, WallTime{});
        return gaps[0].count;
    }
};

TEST_F(BackgroundTest, TellsAtTheNextStartWhatAFullDiskDidNotTakeBeforeAStop) {
    full();
    {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 7; ++i) fan_out->emit(sample("x"));
        ASSERT_TRUE(wait_until([&] { return !fan_out->states()[0].up; }));
        EXPECT_EQ(fan_out->states()[0].sent, 0U);
        EXPECT_EQ(fan_out->states()[0].lag, 7U);
        EXPECT_TRUE(fan_out->take_gaps().empty());
    }
    room();
    EXPECT_EQ(told(spec_), 7U);
    EXPECT_EQ(told(spec_), 0U);
}

TEST_F(BackgroundTest, TellsAtTheNextStartWhatAReaderThatStalledDidNotTake) {
    const auto reader = pipe();
    {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 200; ++i) fan_out->emit(sample("x", 1500));
        ASSERT_TRUE(wait_until([&] { return fan_out->states()[0].sent > 20; }));
    }
    const auto arrived = lines_in(reader);
    EXPECT_GT(arrived, 20U);
    EXPECT_EQ(told(spec_) + arrived, 200U);
}

TEST_F(BackgroundTest, WritesTheRestAtAStopForAReaderThatIsOnlySlow) {
    const auto reader = pipe();
    auto fan_out = start(spec_);
    for (int i = 0; i < 200; ++i) fan_out->emit(sample("x", 1500));
    std::uint64_t arrived = 0;
    std::thread slow([&] {
        for (int i = 0; i < 100 && arrived < 200; ++i) {
            std::this_thread::sleep_for(50ms);
            arrived += lines_in(reader);
        }
    });
    fan_out.reset();
    slow.join();
    EXPECT_EQ(arrived, 200U);
    EXPECT_EQ(told(spec_), 0U);
}

TEST_F(BackgroundTest, CountsWhatKillNineTookOutOfItsMemory) {
    const auto reader = pipe();
    const pid_t child = ::fork();
    if (child == 0) {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 200; ++i) fan_out->emit(sample("x", 1500));
        wait_until([&] { return fan_out->states()[0].sent > 20; });
        std::this_thread::sleep_for(30ms);  // the pipe is full, and nobody is in the middle
        ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto arrived = lines_in(reader);
    EXPECT_GT(arrived, 20U);
    EXPECT_EQ(told(spec_) + arrived, 200U);
}

TEST_F(BackgroundTest, CountsTheEventThatHadANumberAndNoSinkYet) {
    start(spec_)->emit(sample("x"));
    {
        Account account = *Account::open(path_ + "/" + file_stem(spec_) + ".queue", 1, true,
                                         in_place_);  // of a run that does not end
        auto sequence = Sequence::open(directory_.file("sequence"), in_place_);
        (void)sequence->next();
    }
    EXPECT_EQ(told(spec_), 1U);
}

TEST_F(BackgroundTest, DoesNotMissWhatHappenedInRunsWithoutTheSink) {
    start(spec_)->emit(sample("x"));
    {
        const auto fan_out = start(other_);
        for (int i = 0; i < 5; ++i) fan_out->emit(sample("x"));
    }
    EXPECT_EQ(told(spec_), 0U);
}

TEST_F(BackgroundTest, LosesOfAFilteredSinkOnlyWhatPassedItsFilter) {
    spec_.kinds = {"socket.*"};
    full();
    {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 20; ++i) {
            auto event = sample("x");
            if (i % 4 == 0) event.kind = event::Kind::SocketBind;
            fan_out->emit(event);
        }
    }
    room();
    EXPECT_EQ(told(spec_), 5U);
    start(spec_)->emit([] {
        auto event = sample("x");
        event.kind = event::Kind::SocketBind;
        return event;
    }());
    EXPECT_EQ(Json::parse(content(spec_.path))["sink_seq"], 6);
}

TEST_F(BackgroundTest, TellsOnceWhatItsQueueRefusedAndWithTheSumOfAllRuns) {
    full();
    {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 60; ++i) fan_out->emit(sample("x", 100000));
        const auto state = fan_out->states()[0];
        EXPECT_GT(state.lost, 10U);
        EXPECT_EQ(state.lost + state.lag, 60U);
        EXPECT_TRUE(fan_out->take_gaps().empty());  // no room for the word
        room();
        fan_out->reopen();
        ASSERT_TRUE(wait_until([&] { return fan_out->states()[0].lag == 0; }));
        const auto gaps = fan_out->take_gaps();
        ASSERT_EQ(gaps.size(), 1U);
        EXPECT_EQ(gaps[0].count, state.lost);
        EXPECT_EQ(gaps[0].total, state.lost);
        EXPECT_EQ(fan_out->states()[0].sent, 60 - state.lost);
    }
    EXPECT_EQ(told(spec_), 0U);
}

// Runs that are killed at any moment, beside a reader that takes all: nothing written is lost.
TEST_F(BackgroundTest, NeverCountsWhatWasWrittenWheneverItIsKilled) {
    std::minstd_rand random(20261129);  // NOLINT(cert-msc32-c,cert-msc51-cpp): repeatable
    for (int run = 0; run < 12; ++run) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto fan_out = start(spec_);
            while (true) fan_out->emit(sample("x"));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 40));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
    }
    const auto lost = told(spec_);
    const auto fan_out = start(spec_);
    const auto text = content(spec_.path);
    const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    EXPECT_LE(lost + lines, fan_out->emitted());
    EXPECT_GE(lost + lines + 12, fan_out->emitted());  // at most one each run, cut off in its write
}

}  // namespace
}  // namespace portlid::sink
