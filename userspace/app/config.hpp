// SPDX-License-Identifier: Apache-2.0
// `portlid.yaml` (contract §1): how the sensor runs. As strict as the policy and read by the same
// reader. A key of the contract whose feature is not built yet is refused, never ignored.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sink/spec.hpp"

namespace portlid::app {

struct HistoryConfig {
    std::chrono::nanoseconds age = std::chrono::hours(24 * 30);
    std::uint64_t bytes = 512ULL << 20U;
};

struct Config {
    std::vector<sink::SinkSpec> sinks;
    std::vector<std::string> engines;  // endpoints
    bool engines_given = false;        // an empty list means: ask no engine
    HistoryConfig history;
};

// Every refusal as "file:line:col: message" with its hint, one a line; exit code 2. A file that is
// absent is the empty configuration unless `required` (--config was given).
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path, bool required);
// The same from memory; `name` is what refusals call it.
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& name);

}  // namespace portlid::app
