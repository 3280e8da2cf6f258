// SPDX-License-Identifier: Apache-2.0
#include "event/event.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
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

constexpr const char* kEnvelope[] = {"v", "id", "rev", "seq", "time", "kind", "severity"};

// The body without what the envelope says itself: a body cannot rename or renumber its event.
std::string body_text(const nlohmann::ordered_json& body) {
    constexpr auto kBadBytes = nlohmann::ordered_json::error_handler_t::replace;
    const auto clash = [&](const char* key) { return body.contains(key); };
    if (std::none_of(std::begin(kEnvelope), std::end(kEnvelope), clash))
        return body.dump(-1, ' ', false, kBadBytes);
    auto rest = body;
    for (const auto* key : kEnvelope) rest.erase(key);
    return rest.dump(-1, ' ', false, kBadBytes);
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

// Written straight into the text, without a copy of the body in a document around it.
std::string to_json_line(const Event& event) {
    const nlohmann::ordered_json id = event.id;
    auto line = fmt::format(
        R"({{"v":1,"id":{},"rev":{},"seq":{},"time":"{}","kind":"{}","severity":"{}"}})",
        id.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), event.rev,
        event.seq, to_rfc3339(event.time), to_string(event.kind), to_string(event.severity));
    if (event.body.is_object() && !event.body.empty()) {
        const auto body = body_text(event.body);
        if (body.size() > 2) {
            line.back() = ',';
            line.append(body, 1);
        }
    }
    return escape_invisible(line);
}

}  // namespace portlid::event
