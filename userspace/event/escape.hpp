// SPDX-License-Identifier: Apache-2.0
// The last step of a JSON line: nothing in it may move a terminal's cursor or reorder its text.
#pragma once

#include <string>
#include <string_view>

namespace portlid::event {

// Rewrites characters that JSON allows raw but a terminal or reader should not see (DEL, C1
// controls, bidi controls, zero-width, line separators, tags) as \uXXXX. `json` must be a valid
// JSON text in UTF-8; it stays equal in meaning, since such characters stand only in strings.
[[nodiscard]] std::string escape_invisible(std::string_view json);

}  // namespace portlid::event
