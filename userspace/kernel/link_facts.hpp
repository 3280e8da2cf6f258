// SPDX-License-Identifier: Apache-2.0
// What can be said of a link from its name, kind and sysfs. Used inside this room only.
#pragma once

#include <filesystem>
#include <map>
#include <string_view>

#include "kernel/netlink.hpp"

namespace portlid::kernel {

// A bridge that Docker, podman, CNI plugins or nerdctl made, by the names they give.
[[nodiscard]] bool is_engine_bridge(std::string_view kind, std::string_view name);

// Backed by a device. /sys shows the devices of the namespace it was mounted in, which need not be
// this one: index and address of the entry must be the link's, else it is somebody else's.
[[nodiscard]] bool is_hardware(const Interface& link,
                               const std::filesystem::path& sysfs = "/sys/class/net");

// A bridge that virtual machines hang on: no hardware port, tap ports, and no container's veth.
[[nodiscard]] bool is_machine_bridge(const std::map<std::uint32_t, Interface>& links,
                                     const Interface& bridge);

}  // namespace portlid::kernel
