// SPDX-License-Identifier: Apache-2.0
#include "app/emitter.hpp"

#include <unistd.h>

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

}  // namespace

Emitter::Emitter(std::unique_ptr<sink::FanOut> sinks)
    : sinks_(std::move(sinks)), last_clean_(wall_now()) {
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

void Emitter::report_gap(const char* cause, std::uint64_t total, std::uint64_t& known) {
    if (total <= known) return;
    const auto missing = total - known;
    known = total;
    emit(event::Kind::SensorGap, event::sensor_gap_body(origin_, cause, missing, last_clean_));
}

void Emitter::report_gaps(const std::array<std::uint64_t, EVENT_KIND_SLOTS>& ring_lost) {
    const auto total = std::accumulate(ring_lost.begin(), ring_lost.end(), std::uint64_t{0});
    if (!have_baseline_) ring_baseline_ = total;  // an earlier run's losses were its own to tell
    have_baseline_ = true;
    report_gap("ring", total - ring_baseline_, lost_.ring);
    for (const auto& gap : sinks_->take_gaps()) {
        (gap.cause == std::string_view("spool") ? lost_.spool : lost_.queue) += gap.count;
        auto body = event::sensor_gap_body(origin_, gap.cause, gap.count, gap.since);
        body["gap"]["sink"] = gap.sink;
        emit(event::Kind::SensorGap, std::move(body));
    }
    last_clean_ = wall_now();
}

void Emitter::heartbeat(event::Json hooks) {
    auto body = event::sensor_heartbeat_body(origin_, sinks_->emitted(), lost_);
    body["hooks"] = std::move(hooks);
    emit(event::Kind::SensorHeartbeat, std::move(body));
}

}  // namespace portlid::app
