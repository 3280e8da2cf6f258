// SPDX-License-Identifier: Apache-2.0
// Reading and writing JSON by dotted paths; used by the encoders only.
#pragma once

#include <string>
#include <string_view>

#include "sink/encode/encoder.hpp"

namespace portlid::sink {

// The value at "src.ip"; a null constant when it is not there.
[[nodiscard]] const Json& at(const Json& document, std::string_view path);
// Its text, or "" when it is no string.
[[nodiscard]] std::string text_at(const Json& document, std::string_view path);
// Sets "source.ip"; a null value sets nothing.
void put(Json& document, std::string_view path, Json value);
// The same value under another name.
void copy(Json& into, std::string_view to, const Json& from, std::string_view path);
// The last part of the body that describes a container: "target.container", "container", …
[[nodiscard]] const Json& container_of(const Json& native);
// 1 (info) to 5 (critical).
[[nodiscard]] int severity_number(const Json& native);
// "net" of "net.verdict".
[[nodiscard]] std::string family_of_kind(const Json& native);
// Under what name a field of the event stands that has no field of the format's own. One path has
// one JSON type: an index fixes it by the first document and refuses the others. So `mode`, a word
// in net.* and socket.refused, is `mode_change` where it is an object that says what it became, and
// `mode_state` where the object says what it is.
[[nodiscard]] std::string own_name(const std::string& key, const Json& native);
// Milliseconds since 1970 of an RFC 3339 text in UTC; null when it is none.
[[nodiscard]] Json milliseconds(const Json& time);
[[nodiscard]] int protocol_number(std::string_view transport);  // 6 of "tcp", -1 unknown

}  // namespace portlid::sink
