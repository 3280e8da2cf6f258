// SPDX-License-Identifier: Apache-2.0
// BPF links as descriptors with a pin: what they hold, and how one takes another's place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

struct LinkFacts {
    std::uint32_t type = 0;  // BPF_LINK_TYPE_*
    std::uint32_t prog_id = 0;
    std::uint32_t ifindex = 0;      // XDP and tcx; 0 = detached, or its device is gone
    std::uint64_t cgroup_id = 0;    // cgroup links; 0 = detached, or its cgroup is gone
    std::uint32_t attach_type = 0;  // tcx
};
[[nodiscard]] std::optional<LinkFacts> link_facts(int link_fd);
// Id of a loaded program; 0 when the descriptor is none.
[[nodiscard]] std::uint32_t program_id(int prog_fd);

// The kernel's hash of a program's instructions, in hex, map references left out: the same for
// the same code over other maps. "" when there is no such program.
[[nodiscard]] std::string program_tag(int prog_fd);
[[nodiscard]] std::string program_tag_of(std::uint32_t prog_id);

// The object pinned at `path`; invalid when there is none.
[[nodiscard]] UniqueFd open_pin(const std::filesystem::path& path);
[[nodiscard]] bool is_pinned(const std::filesystem::path& path);
// Pins, taking the place of whatever is pinned there in one step.
[[nodiscard]] Result<> pin_in_place(int fd, const std::filesystem::path& path);
// Detaches now (not when the last reference goes), removes the pin, closes.
void drop_link(UniqueFd link, const std::filesystem::path& pin);

}  // namespace portlid::kernel
