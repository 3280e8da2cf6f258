// SPDX-License-Identifier: Apache-2.0
// What the sections of `portlid.yaml` have in common: sizes, counts, and the sinks themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/document.hpp"
#include "sink/spec.hpp"

namespace portlid::app {

// "100MiB"; whole numbers of bytes, KiB, MiB, GiB or TiB.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
// Both report what is none and then give no value.
[[nodiscard]] std::optional<std::uint64_t> read_size(const policy::YamlNode& node,
                                                     std::string_view what, policy::Report& report);
[[nodiscard]] std::optional<std::uint64_t> read_count(const policy::YamlNode& node,
                                                      std::string_view what,
                                                      policy::Report& report);
// The list at `sinks:`; null gives none.
[[nodiscard]] std::vector<sink::SinkSpec> read_sinks(const policy::YamlNode* node,
                                                     policy::Report& report);

}  // namespace portlid::app
