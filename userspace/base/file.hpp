// SPDX-License-Identifier: Apache-2.0
// Small files, read and written whole.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
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

// The number of the file (of a link: its own), by which one that was replaced under the same name
// is known; 0 = there is none.
[[nodiscard]] ino_t file_inode(const std::filesystem::path& path);
// The same of everything in a directory by one look at it, by name.
[[nodiscard]] Result<std::map<std::string, ino_t>> inodes_in(
    const std::filesystem::path& directory);

}  // namespace portlid
