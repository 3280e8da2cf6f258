// SPDX-License-Identifier: Apache-2.0
// `GET /metrics`: the status document in Prometheus' text format. Names and meaning are in
// README.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace portlid::app {

// `status` is a portlid.status/v1 document. Labels are of low cardinality: no address, no
// container.
[[nodiscard]] std::string metrics_text(const nlohmann::ordered_json& status);

}  // namespace portlid::app
