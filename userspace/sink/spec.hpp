// SPDX-License-Identifier: Apache-2.0
// The words an operator names a sink with: "-", "file:PATH", "...?format=native". Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace portlid::sink {

enum class SinkKind : std::uint8_t { Stdout, File };

struct SinkSpec {
    SinkKind kind = SinkKind::Stdout;
    std::string path;  // of a file
    std::string name;  // as `status` shows it
};

[[nodiscard]] Result<SinkSpec> parse_spec(const std::string& text);
// A format word alone: native is built; ecs, ocsf and cef are not yet; others get a suggestion.
[[nodiscard]] Result<> check_format(const std::string& word);

}  // namespace portlid::sink
