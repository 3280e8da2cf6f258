// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "inventory/exposure.hpp"

namespace portlid::inventory {

// The document of contract §5, schema portlid.ports/v1. Every text in it is valid UTF-8 without
// control characters, so dumping never throws.
// Made item by item: the text is all that ten thousand ports cost.
[[nodiscard]] std::string ports_document(const std::vector<Exposure>& exposures);
// One item of it.
[[nodiscard]] nlohmann::ordered_json port_json(const Exposure& exposure);

}  // namespace portlid::inventory
