// SPDX-License-Identifier: Apache-2.0
#include "app/emitter.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "app/version.hpp"
#include "base/clock.hpp"

namespace portlid::app {

namespace {

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

// When the run before had last told everything: what the kernel lost since, a start finds. The page
// of the ring has that time for `lost_since_ns`.
WallTime clean_before(const sink::CursorPage& page) {
    const auto now = wall_now();
    if (page.lost_since_ns == 0) return now;
    return std::min(now, WallTime(std::chrono::nanoseconds(page.lost_since_ns)));
}

}  // namespace

Emitter::Emitter(std::unique_ptr<sink::FanOut> sinks, sink::Cursor ring_losses)
    : sinks_(std::move(sinks)),
      ring_losses_(std::move(ring_losses)),
      last_clean_(clean_before(*ring_losses_.operator->())) {
    origin_.host = host_name();
    origin_.boot_id = portlid::boot_id();
    origin_.version = kVersion;
}

void Emitter::set_policy(std::uint64_t generation, std::string hash) {
    origin_.generation = generation;
    origin_.policy_hash = std::move(hash);
}

void Emitter::emit(event::Event event) {
    sinks_->emit(std::move(event));
}

void Emitter::emit(event::Kind kind, event::Severity severity, event::Json body) {
    auto event = event::make_event(kind, severity);
    event.body = std::move(body);
    emit(std::move(event));
}

void Emitter::emit(event::Kind kind, event::Json body) {
    emit(kind, event::severity_of(kind), std::move(body));
}

void Emitter::report_gaps(const std::array<std::uint64_t, EVENT_KIND_SLOTS>& ring_lost) {
    const auto total = std::accumulate(ring_lost.begin(), ring_lost.end(), std::uint64_t{0});
    sink::CursorPage& known = *ring_losses_.operator->();
    if (total < known.lost) known.told = 0;  // the maps are new
    if (total != known.lost) known.lost = total;
    if (const auto missing = total - known.told; missing != 0) {
        lost_.ring += missing;
        known.told = total;
        emit(event::Kind::SensorGap, event::sensor_gap_body(origin_, "ring", missing, last_clean_));
    }
    for (const auto& gap : sinks_->take_gaps()) {
        (gap.cause == std::string_view("spool") ? lost_.spool : lost_.queue) += gap.count;
        auto body = event::sensor_gap_body(origin_, gap.cause, gap.count, gap.since);
        body["gap"]["sink"] = gap.sink;
        body["gap"]["total"] = gap.total;
        emit(event::Kind::SensorGap, std::move(body));
    }
    last_clean_ = wall_now();
}

// The page goes to the disk when it changes: once a heartbeat is often enough for a time.
void Emitter::note_clean() {
    ring_losses_->lost_since_ns = last_clean_.time_since_epoch().count();
}

Emitter::~Emitter() {
    note_clean();
}

void Emitter::heartbeat(event::Json hooks,
                        const std::vector<event::AttachedInterface>& interfaces) {
    note_clean();
    auto body = event::sensor_heartbeat_body(origin_, sinks_->emitted(), lost_, interfaces);
    body["hooks"] = std::move(hooks);
    emit(event::Kind::SensorHeartbeat, std::move(body));
}

}  // namespace portlid::app
