// SPDX-License-Identifier: Apache-2.0
// Where events go. A sink never blocks its caller and never throws: what it cannot take now it
// queues up to a cap, and beyond it counts as lost (cause "queue") for a sensor.gap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/event.hpp"

namespace portlid::sink {

struct SinkState {
    std::string name;  // as in `status`: "-", "file:/var/log/portlid/events.jsonl"
    bool up = true;
    std::string why;         // when down
    std::uint64_t lag = 0;   // events queued and not yet written
    std::uint64_t lost = 0;  // events given up since start
    bool has_room = true;    // up, and at least half of its queue is free
};

class Sink {
public:
    virtual ~Sink() = default;
    virtual void write(const event::Event& event) = 0;
    // Pushes queued bytes as far as they go without blocking; called every tick.
    virtual void pump() = 0;
    // SIGHUP: closes and opens its file again.
    virtual void reopen() = 0;
    [[nodiscard]] virtual SinkState state() const = 0;
};

// "-", "file:PATH", each with an optional "?format=native". A sink or format of the contract that
// is not built yet, and a word that is none, fail with exit code 2 and say so.
[[nodiscard]] Result<std::unique_ptr<Sink>> open_sink(const std::string& spec);
// The same judgement without opening anything, for `portlid.yaml` and the command line.
[[nodiscard]] Result<> check_sink(const std::string& spec);

// Events that one sink gave up, for a sensor.gap with cause "queue".
struct QueueGap {
    std::string sink;
    std::uint64_t count = 0;
    WallTime since;  // when the first of them was given up
};

// Numbers events and hands each to every sink; keeps the last ones for `events`. A sink that is
// slow, full or down never holds up the others.
class FanOut {
public:
    // `sequence_file` keeps the next seq across restarts and kill -9 (a mapped file). Its directory
    // must exist. One process at a time: another that has it open is refused.
    [[nodiscard]] static Result<std::unique_ptr<FanOut>> open(const std::string& sequence_file);
    virtual ~FanOut() = default;
    virtual void add(std::unique_ptr<Sink> sink) = 0;
    virtual void emit(event::Event event) = 0;  // sets seq; one rev per call
    virtual void pump() = 0;
    virtual void reopen() = 0;
    // All events ever numbered with this sequence file: the last seq.
    [[nodiscard]] virtual std::uint64_t emitted() const = 0;
    [[nodiscard]] virtual std::uint64_t lost_in_queues() const = 0;
    [[nodiscard]] virtual std::vector<SinkState> states() const = 0;
    // Losses not given out before, of sinks that have room for a word about it again. The caller
    // emits one sensor.gap for each; a sink that stays full or down is reported when it recovers.
    [[nodiscard]] virtual std::vector<QueueGap> take_gaps() = 0;
    // JSON lines of recent events with seq > `after`, oldest first; at most 2 MiB are kept.
    [[nodiscard]] virtual std::vector<std::pair<std::uint64_t, std::string>> recent(
        std::uint64_t after) const = 0;
};

}  // namespace portlid::sink
