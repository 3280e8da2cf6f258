// SPDX-License-Identifier: Apache-2.0
// What the maps of a loaded sensor take of kernel memory, as the kernel itself accounts it (the
// figure that bpftool prints).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace portlid::bench {

// Bytes by map name; a map of maps includes the maps that it holds. `pins` is a sensor's directory.
[[nodiscard]] std::map<std::string, std::uint64_t> map_bytes(const std::filesystem::path& pins);

}  // namespace portlid::bench
