// SPDX-License-Identifier: Apache-2.0
// The RFC 5424 header. Facility local0; severity from the event's; the message id is the kind.
#include <unistd.h>

#include <array>

#include "sink/filter.hpp"
#include "sink/transport/transports.hpp"

namespace portlid::sink {

namespace {

constexpr int kFacility = 16;  // local0
// info low medium high critical -> informational notice warning error critical
constexpr std::array<int, 5> kSeverity = {6, 5, 4, 3, 2};

// PRINTUSASCII, at most 255 characters.
std::string header_word(const std::string& text) {
    std::string out;
    for (const char c : text)
        if (c > ' ' && c < 0x7f && out.size() < 255) out += c;
    return out.empty() ? "-" : out;
}

std::string timestamp(std::int64_t wall_ns) {
    auto text = to_rfc3339(WallTime(std::chrono::nanoseconds(wall_ns)));
    return text.substr(0, text.find('.') + 7) + "Z";  // the RFC ends at microseconds
}

}  // namespace

std::string shown_host(const SinkSpec& spec) {
    if (hides(spec.redact, "host.name")) return "-";
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "-";
    return header_word(name.data());
}

std::string syslog_message(const Outgoing& record, const std::string& host) {
    const int priority = kFacility * 8 + kSeverity[static_cast<std::size_t>(record.severity)];
    return "<" + std::to_string(priority) + ">1 " + timestamp(record.wall_ns) + " " + host +
           " portlid " + std::to_string(::getpid()) + " " + event::to_string(record.kind) + " - " +
           record.text;
}

}  // namespace portlid::sink
