// SPDX-License-Identifier: Apache-2.0
#include "sink/spool_format.hpp"

#include <zlib.h>

#include <cstring>

namespace portlid::sink {

namespace {

constexpr std::uint32_t kMagic = 0x32534c50;  // "PLS2"
constexpr auto kKinds = static_cast<std::uint8_t>(event::Kind::SensorHeartbeat) + 1;
constexpr auto kSeverityCount = static_cast<std::uint8_t>(event::Severity::Critical) + 1;

struct Header {
    std::uint32_t magic;
    std::uint32_t length;  // of the line
    std::uint32_t crc;     // of everything behind it, the length first
    std::uint8_t kind;
    std::uint8_t severity;
    std::uint16_t unused;
    std::uint64_t seq;
    std::uint64_t ordinal;
    std::int64_t wall_ns;
};
static_assert(sizeof(Header) == kRecordHeader);

std::uint32_t checksum(const Header& header, std::string_view line) {
    const auto* bytes = reinterpret_cast<const Bytef*>(&header);
    auto sum = ::crc32(0, bytes + offsetof(Header, length), sizeof header.length);
    const auto behind = offsetof(Header, kind);
    sum = ::crc32(sum, bytes + behind, static_cast<uInt>(sizeof(Header) - behind));
    sum = ::crc32(sum, reinterpret_cast<const Bytef*>(line.data()), static_cast<uInt>(line.size()));
    return static_cast<std::uint32_t>(sum);
}

Header header_of(std::string_view bytes) {
    Header header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}

}  // namespace

void append_record(std::string& bytes, const Record& record, std::uint64_t ordinal) {
    const auto line = std::string_view(*record.line).substr(0, kMaxLine);
    Header header{.magic = kMagic,
                  .length = static_cast<std::uint32_t>(line.size()),
                  .crc = 0,
                  .kind = static_cast<std::uint8_t>(record.kind),
                  .severity = static_cast<std::uint8_t>(record.severity),
                  .unused = 0,
                  .seq = record.seq,
                  .ordinal = ordinal,
                  .wall_ns = record.time.time_since_epoch().count()};
    header.crc = checksum(header, line);
    bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(line);
}

std::optional<std::size_t> record_length(std::string_view header) {
    if (header.size() < kRecordHeader) return std::nullopt;
    const auto parsed = header_of(header);
    if (parsed.magic != kMagic || parsed.length > kMaxLine) return std::nullopt;
    return parsed.length;
}

bool read_record(std::string_view whole, SpooledRecord& into, bool with_line) {
    if (whole.size() < kRecordHeader) return false;
    const auto header = header_of(whole);
    const auto line = whole.substr(kRecordHeader);
    if (header.length != line.size() || header.kind >= kKinds ||
        header.severity >= kSeverityCount || header.crc != checksum(header, line))
        return false;
    into.seq = header.seq;
    into.ordinal = header.ordinal;
    into.wall_ns = header.wall_ns;
    into.kind = static_cast<event::Kind>(header.kind);
    into.severity = static_cast<event::Severity>(header.severity);
    into.line = with_line ? std::string(line) : std::string();
    return true;
}

}  // namespace portlid::sink
