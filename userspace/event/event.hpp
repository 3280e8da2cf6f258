// SPDX-License-Identifier: Apache-2.0
// An event as every sink sees it (contract §4). The envelope is typed; the rest is a JSON body,
// since the sinks' schemas map names, not structures.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"

namespace portlid::event {

#define PORTLID_KINDS(X)                      \
    X(SocketBind, "socket.bind")              \
    X(SocketListen, "socket.listen")          \
    X(SocketClose, "socket.close")            \
    X(SocketRefused, "socket.refused")        \
    X(NetVerdict, "net.verdict")              \
    X(NetSummary, "net.summary")              \
    X(ExposureOpened, "exposure.opened")      \
    X(ExposureChanged, "exposure.changed")    \
    X(ExposureClosed, "exposure.closed")      \
    X(PolicyLoaded, "policy.loaded")          \
    X(PolicyRejected, "policy.rejected")      \
    X(PolicyRolledBack, "policy.rolled_back") \
    X(ModeChanged, "mode.changed")            \
    X(BanAdded, "ban.added")                  \
    X(BanExpired, "ban.expired")              \
    X(ContainerSynced, "container.synced")    \
    X(CoverageLost, "coverage.lost")          \
    X(CoverageRestored, "coverage.restored")  \
    X(TamperDetected, "tamper.detected")      \
    X(SensorStarted, "sensor.started")        \
    X(SensorStopped, "sensor.stopped")        \
    X(SensorDegraded, "sensor.degraded")      \
    X(SensorGap, "sensor.gap")                \
    X(SensorHeartbeat, "sensor.heartbeat")

enum class Kind : std::uint8_t {
#define PORTLID_KIND(name, text) name,
    PORTLID_KINDS(PORTLID_KIND)
#undef PORTLID_KIND
};
[[nodiscard]] const char* to_string(Kind kind);

enum class Severity : std::uint8_t { Info, Low, Medium, High, Critical };
[[nodiscard]] const char* to_string(Severity severity);

struct Event {
    std::string id;  // UUIDv7; an update repeats it with rev + 1
    std::uint32_t rev = 0;
    std::uint64_t seq = 0;  // set by the Sequencer when the event is emitted
    WallTime time;
    Kind kind = Kind::SensorHeartbeat;
    Severity severity = Severity::Info;
    nlohmann::ordered_json body = nlohmann::ordered_json::object();  // everything else
};

// A new id and time for `kind`.
[[nodiscard]] Event make_event(Kind kind, Severity severity);
// One line of native JSON without the newline; never contains a raw control character, and every
// string is valid UTF-8 whatever the body held.
[[nodiscard]] std::string to_json_line(const Event& event);

}  // namespace portlid::event
