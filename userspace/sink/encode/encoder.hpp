// SPDX-License-Identifier: Apache-2.0
// The native event in the words of a SIEM. Pure; whatever text the event holds, the result is one
// record: no raw control character, valid UTF-8, escaped as the format wants. Fuzzed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "sink/spec.hpp"

namespace portlid::sink {

using Json = nlohmann::ordered_json;

inline constexpr const char* kEcsVersion = "9.4.0";
inline constexpr const char* kOcsfVersion = "1.8.0";

// The mapped documents; `native` is a native event (contract §4), perhaps with `sink_seq`.
[[nodiscard]] Json ecs_document(const Json& native);
[[nodiscard]] Json ocsf_document(const Json& native);
[[nodiscard]] std::string cef_line(const Json& native);

// One record without a newline. `native_line` must be what event::to_json_line made; text that is
// no JSON object (a damaged spool) gives no value. `sink_seq` 0: the sink has no numbers of its
// own.
[[nodiscard]] std::optional<std::string> encode(Format format, std::string_view native_line,
                                                std::uint64_t sink_seq,
                                                const std::vector<std::string>& redacted);
// A sentence for people, from the event's own words: `message` of every format.
[[nodiscard]] std::string message_of(const Json& native);
// JSON as a line: invalid bytes replaced, invisible characters escaped.
[[nodiscard]] std::string json_text(const Json& document);

}  // namespace portlid::sink
