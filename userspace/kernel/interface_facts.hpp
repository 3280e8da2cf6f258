// SPDX-License-Identifier: Apache-2.0
// What the kernel says is on an interface now, in the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/sensor.hpp"

namespace portlid::kernel {

enum class Direction : std::uint8_t { In, Out };

// The name that `ifindex` has here; "" when there is no such interface.
[[nodiscard]] std::string interface_name(std::uint32_t ifindex);
// Driver by ethtool; "" when the device does not say.
[[nodiscard]] std::string interface_driver(const std::string& name);

struct XdpPresence {
    std::uint32_t prog_id = 0;       // 0 = none
    std::optional<AttachKind> mode;  // Native or Generic; none for hardware offload
};
[[nodiscard]] XdpPresence query_xdp(std::uint32_t ifindex);
// Ids of the tcx programs in the order they run; empty also where the kernel has no tcx.
[[nodiscard]] std::vector<std::uint32_t> query_tcx(std::uint32_t ifindex, Direction direction);

}  // namespace portlid::kernel
