// SPDX-License-Identifier: Apache-2.0
// When the rings are read: several times a second while there is something to do, and after that
// not before the kernel says that a record is there. A wake-up is most of what an idle sensor
// costs, and a record that had to wake us costs its task an interrupt: so one of both at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "app/loop.hpp"
#include "kernel/sensor.hpp"

namespace portlid::app {

enum class Found : std::uint8_t { Nothing, Pending, Records };

class RingWatch {
public:
    // `read` takes what is in the rings and does what follows from it. Pending: no record, but
    // something will be due in a moment. Both outlive this.
    RingWatch(kernel::Sensor& sensor, std::function<Found()> read)
        : sensor_(sensor), read_(std::move(read)) {}

    [[nodiscard]] Result<> begin(Loop& loop);
    // Something else has changed: what follows from it is done within 100 ms.
    void stir();
    // Also when nobody woke us: to be called every second.
    void glance();
    // Nobody is to be woken any more.
    void end() { say_rests(false); }

private:
    void look();
    void wake();
    void say_rests(bool rests);
    void arm();

    kernel::Sensor& sensor_;
    std::function<Found()> read_;
    Alarm alarm_;
    bool armed_ = false;
    std::optional<bool> told_;  // that it rests: what the kernel was told last
    unsigned quiet_ = 0;        // looks that found nothing, one after the other
};

}  // namespace portlid::app
