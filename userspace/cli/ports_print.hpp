// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/context.hpp"

namespace portlid::cli {

enum class Stream : std::uint8_t { Data, Message };

// Prints the body of `GET /v1/ports` in the format asked for; JSON goes out as it came in. The
// summary for people goes to stderr.
[[nodiscard]] Result<> print_ports(Context& context, const std::string& body, OutputFormat format,
                                   bool all, Stream stream);

}  // namespace portlid::cli
