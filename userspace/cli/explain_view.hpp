// SPDX-License-Identifier: Apache-2.0
// The explain document (contract §5) for people: the packet's way, step by step. Pure.
#pragma once

#include <string>

#include "cli/json_access.hpp"

namespace portlid::cli {

[[nodiscard]] std::string explain_text(const Json& document, bool color);

}  // namespace portlid::cli
