// SPDX-License-Identifier: Apache-2.0
// The cgroup v2 directory that the bind hooks attach to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

struct Cgroup {
    std::filesystem::path path;
    UniqueFd fd;
    std::uint64_t id = 0;     // as bpf_get_current_cgroup_id() says it
    std::uint32_t level = 0;  // below the root of the hierarchy
};

// Mount points of cgroup2 in the text of /proc/self/mountinfo, first first; "" when there is none.
[[nodiscard]] std::filesystem::path cgroup2_mount(std::string_view mountinfo);
// `path` must be a directory on cgroup v2; empty takes the mount itself.
[[nodiscard]] Result<Cgroup> open_cgroup(const std::filesystem::path& path);

}  // namespace portlid::kernel
