// SPDX-License-Identifier: Apache-2.0
#include "event/event.hpp"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <random>

#include "event/escape.hpp"

namespace portlid::event {
namespace {

// 10 random bytes. getrandom() blocks only before the machine has ever gathered entropy; it fails
// only when interrupted there, and then the library's device is as good.
std::array<unsigned char, 10> random_bytes() {
    std::array<unsigned char, 10> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()))
        return bytes;
    std::random_device device;
    for (auto& byte : bytes) byte = static_cast<unsigned char>(device());
    return bytes;
}

// RFC 9562 version 7: 48 bits of milliseconds, then random bits, so that ids sort by time.
std::string uuid_v7(WallTime time) {
    const auto ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
    auto r = random_bytes();
    r[0] = static_cast<unsigned char>(0x70U | (r[0] & 0x0fU));
    r[2] = static_cast<unsigned char>(0x80U | (r[2] & 0x3fU));
    std::array<char, 37> text{};
    std::snprintf(text.data(), text.size(), "%08x-%04x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                  static_cast<unsigned>((ms >> 16) & 0xffffffffU),
                  static_cast<unsigned>(ms & 0xffffU), r[0], r[1], r[2], r[3], r[4], r[5], r[6],
                  r[7], r[8], r[9]);
    return text.data();
}

}  // namespace

const char* to_string(Kind kind) {
    switch (kind) {
#define PORTLID_KIND(name, text) \
    case Kind::name:             \
        return text;
        PORTLID_KINDS(PORTLID_KIND)
#undef PORTLID_KIND
    }
    return "unknown";
}

const char* to_string(Severity severity) {
    switch (severity) {
        case Severity::Info:
            return "info";
        case Severity::Low:
            return "low";
        case Severity::Medium:
            return "medium";
        case Severity::High:
            return "high";
        case Severity::Critical:
            return "critical";
    }
    return "unknown";
}

Event make_event(Kind kind, Severity severity) {
    const WallTime now = wall_now();
    return {.id = uuid_v7(now), .time = now, .kind = kind, .severity = severity};
}

std::string to_json_line(const Event& event) {
    nlohmann::ordered_json line;
    line["v"] = 1;
    line["id"] = event.id;
    line["rev"] = event.rev;
    line["seq"] = event.seq;
    line["time"] = to_rfc3339(event.time);
    line["kind"] = to_string(event.kind);
    line["severity"] = to_string(event.severity);
    // The envelope wins: a body cannot rename or renumber its event.
    const auto body = event.body.is_object() ? event.body : nlohmann::ordered_json::object();
    for (const auto& [key, value] : body.items())
        if (!line.contains(key)) line[key] = value;
    return escape_invisible(
        line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace portlid::event
