// SPDX-License-Identifier: Apache-2.0
// Which zones begin to enforce when one policy image follows another (pure). A zone begins when
//   - its own mode becomes `enforce`, or
//   - a service in it that only monitored, or did not exist while the zone monitored, enforces now.
// Changes inside a zone that goes on enforcing are no beginning: a service that is taken away cuts
// its flows at once. Zones and services are known by name, whatever their index.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "abi/image.h"
#include "base/clock.hpp"

namespace portlid::kernel {

// What has to be remembered of an image that is in force.
struct Enforcement {
    std::array<zone_rules, MAX_ZONES> zones{};
    std::uint32_t zone_count = 0;
    policy_modes modes{};
};
[[nodiscard]] std::unique_ptr<Enforcement> enforcement_of(const policy_image& image);

// `before` is what is in force now; nullptr = nothing.
[[nodiscard]] bool begins_to_enforce(const policy_image& next, const Enforcement* before);
// Fills zones[].enforce_since_ns of `next`: `now` where the zone begins, what `before` has where it
// goes on, 0 where nothing enforces.
void carry_enforcement(policy_image& next, const Enforcement* before, BootTime now);

}  // namespace portlid::kernel
