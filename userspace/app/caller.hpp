// SPDX-License-Identifier: Apache-2.0
// The SSH session that somebody types in, found from the process that asks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace portlid::app {

// SSH_CONNECTION in the environment of `pid`, else of its nearest ancestor that has one: sudo and
// su take it away on the way. Empty when nobody has it or nothing can be read. `proc` is a procfs.
[[nodiscard]] std::string ssh_connection_of(std::uint32_t pid,
                                            const std::filesystem::path& proc = "/proc");

}  // namespace portlid::app
