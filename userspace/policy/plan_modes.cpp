// SPDX-License-Identifier: Apache-2.0
// Which rules enforce, by name: the publisher compares two generations to find the zones that
// begin to enforce (kernel/enforcement.hpp).
#include <fmt/format.h>

#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

Result<> add_exception(policy_modes& modes, const mode_exception& value) {
    if (modes.exception_count >= MAX_MODE_EXCEPTIONS)
        return fail(fmt::format("more than {} services have another mode than their zone",
                                MAX_MODE_EXCEPTIONS),
                    "give the zone the mode that most of its services have",
                    ExitCode::PolicyInvalid);
    modes.exceptions[modes.exception_count++] = value;
    return {};
}

}  // namespace

Result<> plan_modes(Plan& plan) {
    const auto& policy = plan.policy;
    auto& modes = plan.image().modes;
    for (std::uint32_t i = 0; i < policy.zones.size(); ++i) {
        const auto& zone = policy.zones[i];
        modes.zone_names[i] = name_hash("zone " + zone.name);
        for (const auto& service : policy.services) {
            const std::uint32_t enforce = plan.enforces(mode_of(policy, zone, service)) ? 1 : 0;
            if (!in_zone(service, zone.name) || enforce == plan.image().zones[i].enforce) continue;
            if (auto done =
                    add_exception(modes, {name_hash("service " + service.name), i, enforce});
                !done)
                return done;
        }
    }
    return {};
}

}  // namespace portlid::policy
