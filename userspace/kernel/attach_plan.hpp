// SPDX-License-Identifier: Apache-2.0
// Which ways of attaching to try on an interface, in which order, and why the wanted one is not
// among them. A pure function: the kernel is asked by the caller.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/sensor.hpp"

namespace portlid::kernel {

struct InterfaceTraits {
    bool layer3 = false;             // frames begin with the IP header
    std::string driver;              // "" = not known
    bool foreign_xdp = false;        // somebody else's XDP program is there
    std::optional<AttachKind> held;  // how an earlier run attached, still in force
};

struct AttachPlan {
    std::vector<AttachKind> order;  // never empty
    std::string why;                // why the first of `order` is not what was wanted
};

// True when the driver takes native XDP without resetting the link or changing MTU or queues.
[[nodiscard]] bool native_leaves_link_alone(std::string_view driver);
[[nodiscard]] AttachPlan plan_attach(AttachKind wanted, const InterfaceTraits& traits);

}  // namespace portlid::kernel
