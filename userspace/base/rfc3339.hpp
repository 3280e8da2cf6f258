// SPDX-License-Identifier: Apache-2.0
// Reading back what to_rfc3339() writes.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace portlid {

// RFC 3339 in UTC ("Z"), with or without a fraction; nothing when it is anything else.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace portlid
