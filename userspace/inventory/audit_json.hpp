// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "inventory/audit.hpp"

namespace portlid::inventory {

// The document portlid.audit/v1: every finding, and how many there are of each severity.
[[nodiscard]] nlohmann::ordered_json audit_document(const std::vector<Finding>& findings);

}  // namespace portlid::inventory
