// SPDX-License-Identifier: Apache-2.0
// Does the driver take VLAN tags off before a program sees the frame?
#pragma once

#include <optional>
#include <string>

namespace portlid::kernel {

// True: frames arrive without their tag, so XDP cannot tell the VLAN (what is inside is judged all
// the same). None when the device does not say. In the calling thread's network namespace.
[[nodiscard]] std::optional<bool> strips_vlan_tags(const std::string& interface);

}  // namespace portlid::kernel
