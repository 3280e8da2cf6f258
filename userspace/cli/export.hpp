// SPDX-License-Identifier: Apache-2.0
// `portlid export list` and `export test`.
#pragma once

#include "cli/context.hpp"

namespace portlid::cli {

void add_export(CLI::App& root, Context& context);

}  // namespace portlid::cli
