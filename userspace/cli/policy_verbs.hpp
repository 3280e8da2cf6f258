// SPDX-License-Identifier: Apache-2.0
// The verbs below `portlid policy`, and the refusal that they share.
#pragma once

#include "cli/context.hpp"

namespace portlid::cli {

// "the policy FILE is invalid", exit code 5; the diagnostics were printed before.
[[nodiscard]] Error invalid_policy(const std::string& file);

void add_policy_test(CLI::App& parent, Context& context);
void add_policy_schema(CLI::App& parent, Context& context);
void add_policy_export(CLI::App& parent, Context& context);
void add_policy_diff(CLI::App& parent, Context& context);

}  // namespace portlid::cli
