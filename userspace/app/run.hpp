// SPDX-License-Identifier: Apache-2.0
// The sensor in the foreground: wires the rooms together and returns when it is told to stop.
#pragma once

#include "app/options.hpp"
#include "base/result.hpp"

namespace portlid::app {

// Returns after SIGTERM or SIGINT (or after the table with `once`). On failure nothing is left
// half-attached, and the Error carries the exit code: 4 no permission, 5 policy invalid, 6 kernel
// or feature missing. Writes to stderr only; data goes to the sinks and to `on_ports`.
[[nodiscard]] Result<> run(const RunOptions& options);

}  // namespace portlid::app
