// SPDX-License-Identifier: Apache-2.0
// The bytes of a spooled record. Pure; reading trusts nothing. Little-endian on every machine that
// this sensor runs on (BPF CO-RE objects are built for those only).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sink/spool.hpp"

namespace portlid::sink {

inline constexpr std::size_t kRecordHeader = 40;
inline constexpr std::size_t kMaxLine = 1U << 20U;

void append_record(std::string& bytes, const Record& record, std::uint64_t ordinal);
// The length of the line behind a header; none when this is no header.
[[nodiscard]] std::optional<std::size_t> record_length(std::string_view header);
// False when the checksum or a word in it is wrong.
[[nodiscard]] bool read_record(std::string_view whole, SpooledRecord& into, bool with_line);

}  // namespace portlid::sink
