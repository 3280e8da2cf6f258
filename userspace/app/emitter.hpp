// SPDX-License-Identifier: Apache-2.0
// The one way out for events: knows who we are, and makes losses visible.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "event/build.hpp"
#include "kernel/sensor.hpp"
#include "sink/cursor.hpp"
#include "sink/sink.hpp"

namespace portlid::app {

class Emitter {
public:
    // `ring_losses`: what the kernel counted when it was last looked at, and what of it was told.
    Emitter(std::unique_ptr<sink::FanOut> sinks, sink::Cursor ring_losses);

    ~Emitter();
    Emitter(const Emitter&) = delete;
    Emitter& operator=(const Emitter&) = delete;

    [[nodiscard]] const event::Origin& origin() const { return origin_; }
    void set_policy(std::uint64_t generation, std::string hash);

    void emit(event::Kind kind, event::Severity severity, event::Json body);
    void emit(event::Kind kind, event::Json body);  // severity of the kind
    // An event as the builders made it; the caller may keep it to send a later rev.
    void emit(event::Event event);

    // Losses that nobody told become sensor.gap events: also those of the time when no sensor ran
    // and the programs in the kernel went on, `since` the end of the run before (after a kill: its
    // last heartbeat).
    void report_gaps(const std::array<std::uint64_t, EVENT_KIND_SLOTS>& ring_lost);
    // The state of each socket hook, as in `status`, and of each interface, as at the start.
    void heartbeat(event::Json hooks, const std::vector<event::AttachedInterface>& interfaces);

    [[nodiscard]] event::LostCounts lost() const { return lost_; }
    [[nodiscard]] sink::FanOut& sinks() { return *sinks_; }

private:
    void note_clean();

    std::unique_ptr<sink::FanOut> sinks_;
    event::Origin origin_;
    event::LostCounts lost_;
    sink::Cursor ring_losses_;
    WallTime last_clean_;
};

}  // namespace portlid::app
