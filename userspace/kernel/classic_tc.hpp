// SPDX-License-Identifier: Apache-2.0
// clsact + cls_bpf, for kernels before 6.6: attached until somebody removes it, without a link.
// Our filters are known by handle and program name; whether the clsact qdisc was ours too is kept
// by the caller, since nothing in the kernel says it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "kernel/interface_facts.hpp"

namespace portlid::kernel {

struct ClassicFilter {
    std::uint32_t priority = 0;
    std::uint32_t prog_id = 0;
};

// Our filter on that side of the interface, whoever of us attached it.
[[nodiscard]] std::optional<ClassicFilter> find_classic(std::uint32_t ifindex, Direction direction);
// Attaches or replaces; true when it had to make the clsact qdisc.
[[nodiscard]] Result<bool> attach_classic(std::uint32_t ifindex, Direction direction, int prog_fd);
// Removes our filter; false when there was none.
bool detach_classic(std::uint32_t ifindex, Direction direction);
// Removes the clsact qdisc unless somebody has a filter on it. Only for a qdisc that we made.
void remove_unused_clsact(std::uint32_t ifindex);

}  // namespace portlid::kernel
