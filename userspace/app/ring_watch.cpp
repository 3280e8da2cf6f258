// SPDX-License-Identifier: Apache-2.0
#include "app/ring_watch.hpp"

#include <spdlog/spdlog.h>

namespace portlid::app {

namespace {

constexpr std::chrono::milliseconds kPeriod{100};
constexpr unsigned kQuietLooks = 3;

}  // namespace

Result<> RingWatch::begin(Loop& loop) {
    auto alarm = loop.alarm([this] {
        armed_ = false;
        look();
    });
    if (!alarm) return pass_on(alarm.error());
    alarm_ = *alarm;
    for (const int ring : sensor_.ring_fds())
        if (auto watched = loop.watch_edges(ring, [this] { look(); }); !watched) return watched;
    // An earlier run may have been resting when it ended.
    rests_ = true;
    say_rests(false);
    arm();
    return {};
}

void RingWatch::arm() {
    if (armed_) return;
    alarm_.in(kPeriod);
    armed_ = true;
}

void RingWatch::stir() {
    quiet_ = 0;
    arm();
}

// A word that is not taken costs wake-ups, or up to a second: the next look tries again.
void RingWatch::say_rests(bool rests) {
    if (rests == rests_) return;
    if (auto said = sensor_.say_reader_rests(rests); !said)
        spdlog::debug("{}", said.error().message);
    else
        rests_ = rests;
}

// The kernel is told one look before it counts: a program that had not read it yet has submitted
// its record by then.
void RingWatch::look() {
    const auto found = read_();
    quiet_ = found == Found::Nothing ? quiet_ + 1 : 0;
    const bool rested = rests_;
    if (found == Found::Records || quiet_ + 1 >= kQuietLooks) say_rests(found != Found::Records);
    if (quiet_ < kQuietLooks || !rested) arm();
}

void RingWatch::glance() {
    if (!armed_ && read_() != Found::Nothing) stir();
}

}  // namespace portlid::app
