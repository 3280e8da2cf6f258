// SPDX-License-Identifier: Apache-2.0
// The document portlid.verify/v1 for people. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/json_access.hpp"
#include "cli/table.hpp"

namespace portlid::cli {

// What gets in: a line for each zone, source, destination and protocol; families that have the
// same answer share one.
[[nodiscard]] Table matrix_table(const Json& document);
[[nodiscard]] Table differences_table(const Json& document);
[[nodiscard]] Table scan_table(const Json& scan);
// "1310720 questions in 2.6 s: …", for stderr.
[[nodiscard]] std::string verify_summary(const Json& document);
// "verifying  12%", without a line end.
[[nodiscard]] std::string verify_progress(const Json& document);

}  // namespace portlid::cli
