// SPDX-License-Identifier: Apache-2.0
// One directory of procfs, held open: everything read through it is of the same process even when
// its pid is given to somebody else meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace portlid::identity {

class ProcDir {
public:
    explicit ProcDir(const std::filesystem::path& path);
    // The file's first `limit_bytes`; none when it cannot be opened or read.
    [[nodiscard]] std::optional<std::string> file(const char* name, std::size_t limit_bytes) const;
    // Where a link points; empty when it cannot be read.
    [[nodiscard]] std::string link(const char* name) const;
    // Entries whose names are numbers, ascending.
    [[nodiscard]] std::vector<std::uint32_t> numbers() const;

private:
    UniqueFd fd_;
};

// The number in "socket:[1234]" for prefix "socket:["; 0 when the text is something else.
[[nodiscard]] std::uint64_t inode_in(std::string_view link, std::string_view prefix);

}  // namespace portlid::identity
