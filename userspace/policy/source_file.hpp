// SPDX-License-Identifier: Apache-2.0
// A policy or set file as bytes, opened once: what is checked is what is read.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace portlid::policy {

inline constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxSetBytes = std::size_t{64} << 20;

// Refuses more than `limit_bytes` without reading further. With `check_ownership` also a symbolic
// link, an owner other than root or this process, and a file that group or others may write.
// The message does not repeat the path.
[[nodiscard]] Result<std::string> read_source(const std::filesystem::path& path,
                                              std::size_t limit_bytes, bool check_ownership);

}  // namespace portlid::policy
