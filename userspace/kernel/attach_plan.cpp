// SPDX-License-Identifier: Apache-2.0
#include "kernel/attach_plan.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace portlid::kernel {

const char* to_string(AttachKind kind) {
    switch (kind) {
        case AttachKind::Auto:
            return "auto";
        case AttachKind::Native:
            return "native";
        case AttachKind::Generic:
            return "generic";
        case AttachKind::Tc:
            return "tc";
    }
    return "unknown";
}

bool native_leaves_link_alone(std::string_view driver) {
    // Physical NICs rebuild their rings for XDP, most with a link reset; virtio_net takes queues
    // and turns offloads off. Those are for --attach native, never for auto.
    constexpr std::array<std::string_view, 3> kQuiet{"veth", "tun", "netdevsim"};
    return std::find(kQuiet.begin(), kQuiet.end(), driver) != kQuiet.end();
}

namespace {

AttachPlan plan_auto(const InterfaceTraits& traits) {
    if (native_leaves_link_alone(traits.driver))
        return {{AttachKind::Native, AttachKind::Generic, AttachKind::Tc}, {}};
    const auto driver = traits.driver.empty() ? "of this device" : printable(traits.driver, 64);
    return {{AttachKind::Generic, AttachKind::Tc},
            "native: the driver " + driver +
                " may reset the link or change queues for it; --attach native takes it anyway"};
}

AttachPlan plan_fresh(AttachKind wanted, const InterfaceTraits& traits) {
    if (wanted == AttachKind::Tc) return {{AttachKind::Tc}, {}};
    if (traits.layer3) return {{AttachKind::Tc}, "XDP: the device has no link layer"};
    if (traits.foreign_xdp)
        return {{AttachKind::Tc}, "XDP: another program is attached there, and it stays"};
    if (wanted == AttachKind::Auto) return plan_auto(traits);
    if (wanted == AttachKind::Generic) return {{AttachKind::Generic, AttachKind::Tc}, {}};
    return {{AttachKind::Native, AttachKind::Generic, AttachKind::Tc}, {}};
}

}  // namespace

AttachPlan plan_attach(AttachKind wanted, const InterfaceTraits& traits) {
    auto plan = plan_fresh(wanted, traits);
    const bool free_choice = wanted == AttachKind::Auto && plan.order.size() > 1;
    if (!free_choice || !traits.held || plan.order.front() == *traits.held) return plan;
    // `auto` keeps what holds: switching gains little and is one more thing that can go wrong.
    std::erase(plan.order, *traits.held);
    plan.order.insert(plan.order.begin(), *traits.held);
    plan.why = *traits.held == AttachKind::Native ? "" : "kept as an earlier run attached it";
    return plan;
}

}  // namespace portlid::kernel
