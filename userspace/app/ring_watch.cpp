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
        if (auto watched = loop.watch_edges(ring, [this] { wake(); }); !watched) return watched;
    say_rests(false);  // an earlier run may have been resting when it ended
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
    if (told_ == rests) return;
    if (auto said = sensor_.say_reader_rests(rests); !said)
        spdlog::debug("{}", said.error().message);
    else
        told_ = rests;
}

// The kernel is told one look before it counts: a program that had not read it yet has submitted
// its record by then.
void RingWatch::look() {
    const auto found = read_();
    quiet_ = found == Found::Nothing ? quiet_ + 1 : 0;
    const bool rested = told_.value_or(false);
    if (found == Found::Records || quiet_ + 1 >= kQuietLooks) say_rests(found != Found::Records);
    if (quiet_ < kQuietLooks || !rested) arm();
}

// What woke us may still be written: then it is there the next time.
void RingWatch::wake() {
    look();
    arm();
}

// Records that woke nobody: whatever the kernel was told, it does not know it.
void RingWatch::glance() {
    if (armed_) return;
    const auto found = read_();
    if (found == Found::Nothing) return;
    if (found == Found::Records) told_.reset();
    stir();
}

}  // namespace portlid::app
