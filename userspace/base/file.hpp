// SPDX-License-Identifier: Apache-2.0
// Small files, read and written whole.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace portlid {

// The file's bytes; refuses more than `limit_bytes`. procfs files (size 0) are read to their end.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t limit_bytes);
// Replaces the file in one step: a temporary beside it, fsync, rename. On failure the old
// content stays and the temporary is gone.
[[nodiscard]] Result<> write_file_atomically(const std::filesystem::path& path,
                                             std::string_view content, unsigned mode = 0640);

}  // namespace portlid
