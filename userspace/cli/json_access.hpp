// SPDX-License-Identifier: Apache-2.0
// Reading documents that somebody else wrote: no look-up throws, a member of another type counts as
// absent, and every text comes out printable.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace portlid::cli {

using Json = nlohmann::ordered_json;

// The member at the end of the path; a null value when any part is missing.
[[nodiscard]] const Json& at(const Json& json, std::initializer_list<const char*> path);
[[nodiscard]] inline const Json& at(const Json& json, const char* name) {
    return at(json, {name});
}
// Printable text of a string, number or boolean; `absent` for anything else.
[[nodiscard]] std::string text(const Json& json, std::string_view absent = "");
[[nodiscard]] std::uint64_t number(const Json& json);  // 0 when it is none
[[nodiscard]] bool flag(const Json& json);             // true only for true
// The elements of an array, none for anything else.
[[nodiscard]] const Json& list(const Json& json);

// One document of at most 64 levels; exit code 1 when it is none.
[[nodiscard]] Result<Json> parse_document(std::string_view body);

}  // namespace portlid::cli
