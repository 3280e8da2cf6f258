// SPDX-License-Identifier: Apache-2.0
// Where events go. A sink never blocks its caller and never throws: what it cannot take now it
// queues up to a cap, and beyond it counts as lost (cause "queue") for a sensor.gap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/event.hpp"
#include "sink/record.hpp"

namespace portlid::sink {

class Spooler;
struct SinkSpec;

struct SinkState {
    std::string name;  // as in `status`: "-", "file:/var/log/portlid/events.jsonl"
    bool up = true;
    std::string why;         // when down
    std::uint64_t lag = 0;   // events queued and not yet written
    std::uint64_t lost = 0;  // events given up since start
    bool has_room = true;    // up, and at least half of its queue is free
    std::string target;      // "syslog+tls://siem.example:6514"; empty: the name says it
    std::string format = "native";
    std::uint64_t sent = 0;        // since start
    std::uint64_t retries = 0;     // faults since start
    std::uint64_t dead = 0;        // refused by the peer, kept in the dead-letter file
    std::uint64_t spool_lost = 0;  // given up by the spool's caps, all told
};

// Events that one sink gave up, for a sensor.gap.
struct SinkGap {
    std::string sink;
    const char* cause = "queue";  // or "spool"
    std::uint64_t count = 0;
    WallTime since;  // when the first of them was given up
    // Of this sink and cause, ever: exact for a reader whose own gap events were given up, too.
    std::uint64_t total = 0;
};

class Sink {
public:
    virtual ~Sink() = default;
    virtual void write(const Record& record) = 0;
    // Pushes queued bytes as far as they go without blocking; called every tick.
    virtual void pump() = 0;
    // SIGHUP: closes and opens its file again, reads its certificates and secrets again.
    virtual void reopen() = 0;
    [[nodiscard]] virtual SinkState state() const = 0;
    // What the spool's caps took from this sink and nobody was told yet; asked every second.
    [[nodiscard]] virtual std::optional<SinkGap> take_gap() { return std::nullopt; }
};

class PageKeeper;

// Numbers events and hands each to every sink; keeps the last ones for `events`. A sink that is
// slow, full or down never holds up the others.
class FanOut {
public:
    // `sequence_file` keeps the next seq across restarts and kill -9. Its directory must exist. One
    // process at a time: another that has it open is refused. `live`: see kept_page.hpp.
    [[nodiscard]] static Result<std::unique_ptr<FanOut>> open(
        const std::string& sequence_file, const std::filesystem::path& live = {});
    virtual ~FanOut() = default;
    // For what else is counted in pages that outlive the process.
    [[nodiscard]] virtual PageKeeper& keeper() = 0;
    virtual void add(std::unique_ptr<Sink> sink) = 0;
    // Where the sinks behind it read from; at most one, before the first event.
    virtual void set_spool(std::unique_ptr<Spooler> spooler) = 0;
    virtual void emit(event::Event event) = 0;  // sets seq; one rev per call
    virtual void pump() = 0;
    virtual void reopen() = 0;
    // All events ever numbered with this sequence file: the last seq.
    [[nodiscard]] virtual std::uint64_t emitted() const = 0;
    [[nodiscard]] virtual std::uint64_t lost_in_queues() const = 0;
    [[nodiscard]] virtual std::vector<SinkState> states() const = 0;
    // Losses not given out before, of sinks that have room for a word about it again. The caller
    // emits one sensor.gap for each; a sink that stays full or down is reported when it recovers.
    [[nodiscard]] virtual std::vector<SinkGap> take_gaps() = 0;
    // JSON lines of recent events with seq > `after`, oldest first; at most 2 MiB are kept.
    [[nodiscard]] virtual std::vector<std::pair<std::uint64_t, std::string>> recent(
        std::uint64_t after) const = 0;
};

// Opens the sinks and their spool (in `directory`, made when it is needed). A file that cannot be
// opened is an error here; a network sink that cannot be reached is a state.
// `pass_over`: is told of each sink that cannot be opened, and the others are; empty: the first
// such sink is the error.
using PassOver = std::function<void(const SinkSpec& spec, const Error& error)>;
[[nodiscard]] Result<> add_sinks(FanOut& fan_out, const std::vector<SinkSpec>& specs,
                                 const std::filesystem::path& directory,
                                 const PassOver& pass_over = {});

}  // namespace portlid::sink
