// SPDX-License-Identifier: Apache-2.0
// The status document (contract §5) for people. Pure.
#pragma once

#include <string>

#include "cli/json_access.hpp"

namespace portlid::cli {

struct StatusStyle {
    bool wide = false;  // counters by reason too
    bool color = false;
    std::size_t width = 0;
};

[[nodiscard]] std::string status_text(const Json& document, const StatusStyle& style);

}  // namespace portlid::cli
