// SPDX-License-Identifier: Apache-2.0
// A program's standard output, within bounds.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portlid::nat {

// Runs argv[0] (an absolute path) with an empty environment and no input, and waits for it. Fails
// when it cannot be started, ends badly, says more than `limit_bytes` or takes longer than
// `at_most`; it is gone when this returns.
[[nodiscard]] Result<std::string> run_program(const std::vector<std::string>& argv,
                                              std::chrono::milliseconds at_most,
                                              std::size_t limit_bytes);

}  // namespace portlid::nat
