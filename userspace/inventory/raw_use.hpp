// SPDX-License-Identifier: Apache-2.0
// Containers that hold raw or packet sockets: they hear and forge without opening a port.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace portlid::inventory {

struct RawUse {
    std::string kind;  // "raw", "packet"
    std::string container_id;
    std::string exe;
};

// One an executable, kind and container. Walks every namespace and descriptor: on demand only.
[[nodiscard]] std::vector<RawUse> raw_uses(const std::filesystem::path& proc = "/proc");

}  // namespace portlid::inventory
