// SPDX-License-Identifier: Apache-2.0
// An event on its way out: the native line, made once and shared by every queue that holds it, and
// what a filter needs to know of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "event/event.hpp"

namespace portlid::sink {

struct Record {
    std::uint64_t seq = 0;
    WallTime time;
    event::Kind kind = event::Kind::SensorHeartbeat;
    event::Severity severity = event::Severity::Info;
    std::shared_ptr<const std::string> line;  // native JSON without the newline

    Record() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): an event is the record of itself
    Record(const event::Event& event)
        : seq(event.seq),
          time(event.time),
          kind(event.kind),
          severity(event.severity),
          line(std::make_shared<const std::string>(event::to_json_line(event))) {}
};

// Packet verdicts: what a flood is made of. They leave a part of every queue to the others.
[[nodiscard]] inline bool is_traffic(event::Kind kind) {
    return kind == event::Kind::NetVerdict || kind == event::Kind::NetSummary;
}

}  // namespace portlid::sink
