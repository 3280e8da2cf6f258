// SPDX-License-Identifier: Apache-2.0
// The one way out for events: knows who we are, and makes losses visible.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "event/build.hpp"
#include "kernel/sensor.hpp"
#include "sink/sink.hpp"

namespace portlid::app {

class Emitter {
public:
    explicit Emitter(std::unique_ptr<sink::FanOut> sinks);

    [[nodiscard]] const event::Origin& origin() const { return origin_; }
    void set_policy(std::uint64_t generation, std::string hash);

    void emit(event::Kind kind, event::Severity severity, event::Json body);
    void emit(event::Kind kind, event::Json body);  // severity of the kind
    // An event as the builders made it; the caller may keep it to send a later rev.
    void emit(event::Event event);

    // Losses since the last call become sensor.gap events.
    void report_gaps(const std::array<std::uint64_t, EVENT_KIND_SLOTS>& ring_lost);
    void heartbeat(event::Json hooks);  // the state of each hook, as in `status`

    [[nodiscard]] event::LostCounts lost() const { return lost_; }
    [[nodiscard]] sink::FanOut& sinks() { return *sinks_; }

private:
    void report_gap(const char* cause, std::uint64_t total, std::uint64_t& known);

    std::unique_ptr<sink::FanOut> sinks_;
    event::Origin origin_;
    event::LostCounts lost_;
    std::uint64_t ring_baseline_ = 0;
    bool have_baseline_ = false;
    WallTime last_clean_;
};

}  // namespace portlid::app
