// SPDX-License-Identifier: Apache-2.0
// What arrives and what is given up: together it is everything, whatever happens in between.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

#include "sink/sequence.hpp"
#include "spool_fixture.hpp"

namespace portlid::sink {
namespace {

using testing::HasSubstr;

class CourierTest : public SpoolTest {
protected:
    PageKeeper in_place_;
    SinkSpec spec_ = [this] {
        auto spec = *parse_spec("file:" + directory_.file("out"));
        spec.spool = {.bytes = 1U << 20U, .given = true};
        return spec;
    }();
    // Out of reach until `reach` makes its directory.
    SinkSpec far_ = [this] {
        auto spec = *parse_spec("file:" + directory_.file("later/out"));
        spec.spool = {.bytes = 4U << 20U, .given = true};
        return spec;
    }();
    void reach() const { std::filesystem::create_directory(directory_.file("later")); }

    std::unique_ptr<FanOut> start(const SinkSpec& spec) { return start(std::vector{spec}); }
    std::unique_ptr<FanOut> start(const std::vector<SinkSpec>& specs) {
        auto fan_out = std::move(*FanOut::open(directory_.file("sequence")));
        const auto added = add_sinks(*fan_out, specs, path_);
        EXPECT_TRUE(added) << added.error().message;
        return fan_out;
    }
    // A run in which one more event, and so all before it, arrives.
    SinkState run_to_the_end(const SinkSpec& spec) {
        const auto fan_out = start(spec);
        fan_out->emit(sample("x"));
        const auto last = "\"seq\":" + std::to_string(fan_out->emitted()) + ",";
        EXPECT_TRUE(wait_until([&] { return content(spec.path).find(last) != std::string::npos; }));
        return fan_out->states()[0];
    }
    std::vector<Json> lines(const std::string& name = "out") {
        std::vector<Json> all;
        std::istringstream text(content(directory_.file(name)));
        for (std::string line; std::getline(text, line);) all.push_back(Json::parse(line));
        return all;
    }
};

TEST_F(CourierTest, DeliversEverythingOnceAcrossRestarts) {
    for (int run = 0; run < 3; ++run) {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 50; ++i) fan_out->emit(sample("x"));
    }
    start(spec_).reset();
    const auto all = lines();
    ASSERT_EQ(all.size(), 150U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]["seq"], i + 1);
}

TEST_F(CourierTest, NumbersAFilteredSinkWithoutHolesAcrossRestarts) {
    spec_.kinds = {"socket.*"};
    for (int run = 0; run < 2; ++run) {
        const auto fan_out = start(spec_);
        for (int i = 0; i < 20; ++i) {
            auto event = sample("x");
            if (i % 3 == 0) event.kind = event::Kind::SocketBind;
            fan_out->emit(event);
        }
    }
    start(spec_).reset();
    const auto all = lines();
    ASSERT_EQ(all.size(), 14U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]["sink_seq"], i + 1);
}

// A peer that is not there for a long time costs its oldest events, and the count is exact.
TEST_F(CourierTest, GivesUpTheOldestOverTheCapAndSaysHowManyExactly) {
    spec_ = *parse_spec("syslog+tcp://127.0.0.1:1");  // nobody listens
    spec_.spool = {.bytes = 256U << 10U, .given = true};
    auto fan_out = start(spec_);
    constexpr std::uint64_t kEvents = 2000;
    for (std::uint64_t i = 0; i < kEvents; ++i) fan_out->emit(sample("x", 800));
    const auto given_up = [&] { return fan_out->states()[0].spool_lost; };
    std::uint64_t told = 0;
    ASSERT_TRUE(wait_until([&] {
        for (const auto& gap : fan_out->take_gaps()) {
            EXPECT_STREQ(gap.cause, "spool");
            told += gap.count;
        }
        return given_up() > 1500;
    }));
    EXPECT_FALSE(fan_out->states()[0].up);
    EXPECT_THAT(fan_out->states()[0].why, HasSubstr("127.0.0.1"));
    fan_out.reset();
    // The rest arrives when the same cursor finds a way out; given up + delivered = all.
    const auto spool = open_spool(path_, 64U << 10U);
    auto cursor =
        Cursor::open(path_ + "/" + file_stem(spec_) + ".cursor", {.position = ~0ULL}, in_place_);
    ASSERT_TRUE(cursor);
    const auto rest = seqs_of(*spool, (*cursor)->position);
    EXPECT_EQ((*cursor)->lost + rest.size(), kEvents);
    EXPECT_EQ(rest.back(), kEvents);
    EXPECT_EQ((*cursor)->told, told);
}

// The end of a run is no reason to forget: not while the others end, not at the last sync.
TEST_F(CourierTest, KeepsForTheNextRunWhatASinkHasNotGot) {
    constexpr std::uint64_t kEvents = 400;  // several segments
    {
        const auto fan_out = start({far_, spec_});
        for (std::uint64_t i = 0; i < kEvents; ++i) fan_out->emit(sample("x", 800));
    }
    EXPECT_EQ(lines().size(), kEvents);
    reach();
    EXPECT_EQ(run_to_the_end(far_).spool_lost, 0U);
    EXPECT_EQ(lines("later/out").size(), kEvents + 1);
}

// Runs of any length that end at any moment, beside a sink that gets on.
TEST_F(CourierTest, CountsExactlyWheneverRunsEnd) {
    far_.spool.bytes = 300U << 10U;
    std::minstd_rand random(20261125);  // NOLINT(cert-msc32-c,cert-msc51-cpp): repeatable
    std::uint64_t events = 0;
    for (int run = 0; run < 12; ++run) {
        const auto fan_out = start(run % 3 == 0 ? std::vector{far_} : std::vector{spec_, far_});
        for (auto left = random() % 300; left > 0; --left, ++events)
            fan_out->emit(sample("x", random() % 1500));
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    }
    reach();
    const auto state = run_to_the_end(far_);
    EXPECT_GT(state.spool_lost, 0U);
    EXPECT_EQ(state.spool_lost + lines("later/out").size(), events + 1);
}

TEST_F(CourierTest, CountsWhatADamagedSegmentTookOnceHoweverOftenItIsTried) {
    far_.spool.bytes = 512U << 10U;  // small segments, however much goes at once
    constexpr std::uint64_t kEvents = 400;
    {
        const auto fan_out = start(far_);
        for (std::uint64_t i = 0; i < kEvents; ++i) fan_out->emit(sample("x", 800));
    }
    const auto all = segments();
    ASSERT_GT(all.size(), 3U);
    for (std::size_t i = 0; i < all.size(); i += 2) damage(all[i], 5000);  // the last one too
    // A pipe that nobody reads takes some, then refuses, again and again.
    reach();
    ASSERT_EQ(::mkfifo(far_.path.c_str(), 0600), 0);
    const UniqueFd pipe(::open(far_.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const auto fan_out = start(far_);
    fan_out->emit(sample("x"));
    ASSERT_TRUE(wait_until([&] { return fan_out->states()[0].retries >= 2; }));
    std::string got;
    std::array<char, 65536> some{};
    ASSERT_TRUE(wait_until([&] {
        for (ssize_t n = 0; (n = ::read(pipe.get(), some.data(), some.size())) > 0;)
            got.append(some.data(), static_cast<std::size_t>(n));
        return got.find("\"seq\":401,") != std::string::npos;
    }));
    const auto arrived = static_cast<std::uint64_t>(std::count(got.begin(), got.end(), '\n'));
    EXPECT_LT(arrived, kEvents);
    EXPECT_EQ(fan_out->states()[0].spool_lost + arrived, kEvents + 1);
}

// A process that died between the number and the disk: a start finds what is missing.
TEST_F(CourierTest, CountsWhatADeadProcessHadInItsMemory) {
    for (int i = 0; i < 10; ++i) run_to_the_end(spec_);
    {
        auto sequence = Sequence::open(directory_.file("sequence"), in_place_);
        for (int i = 0; i < 7; ++i) (void)sequence->next();
    }
    const auto last = segments().back();
    std::filesystem::resize_file(last, std::filesystem::file_size(last) - 3);  // delivered long ago
    const auto fan_out = start(spec_);
    const auto gaps = fan_out->take_gaps();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_STREQ(gaps[0].cause, "queue");
    EXPECT_EQ(gaps[0].count, 7U);
    EXPECT_TRUE(fan_out->take_gaps().empty());
    EXPECT_EQ(fan_out->states()[0].spool_lost, 0U);
}

// Between the number and the spool an event is not with the sink, either.
TEST_F(CourierTest, WhatWaitsInFrontOfTheSpoolIsLagToo) {
    const auto fan_out = start(far_);
    for (int i = 0; i < 20; ++i) {
        fan_out->emit(sample("x"));
        EXPECT_GE(fan_out->states()[0].lag, static_cast<std::uint64_t>(i + 1));
    }
}

// What the queue refused and nobody was told is told by the next run, together with what waited.
TEST_F(CourierTest, TellsTheLossesOfAQueueAfterARestartToo) {
    std::uint64_t seq = 0;
    for (int run = 0; run < 2; ++run) {
        auto spool = open_spool(path_);
        auto losses = open_losses(directory_.file("losses"), *spool, seq, in_place_);
        ASSERT_TRUE(losses);
        EXPECT_EQ((*losses)->lost, seq);
        // A spool that takes nothing: its cap is nothing, and it holds a byte.
        if (run == 0) std::ofstream(path_ + "/" + std::string(20, '0') + ".seg") << "x";
        Spooler spooler(open_spool(path_), 0, seq, 16U << 10U, std::move(*losses));
        for (int i = 0; i < 100; ++i) spooler.push(record(++seq));
        EXPECT_TRUE(wait_until([&] { return !spooler.state().why.empty(); }));
        EXPECT_EQ(spooler.state().lost + spooler.state().lag, 100U);
    }
}

}  // namespace
}  // namespace portlid::sink
