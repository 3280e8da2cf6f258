// SPDX-License-Identifier: Apache-2.0
// `limit:` and `owner:` of each service as the conditions that its opening decisions will carry.
#include <fmt/format.h>

#include "abi/maps.h"
#include "policy/owners.hpp"
#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

constexpr std::uint32_t kExact = LIMIT_STAMPS + 1;  // up to here every try has its stamp

std::uint32_t divide_up(std::uint32_t value, std::uint32_t by) {
    return (value + by - 1) / by;
}

// lib/limit.h: the ring must reach back new_flows - 1 tries, rounded down to a stamped one.
void choose_ring(condition& value) {
    const auto reach = std::max(value.new_flows, 2U) - 2;
    const auto stride = value.new_flows <= kExact ? 1 : divide_up(reach, LIMIT_STAMPS - 1);
    value.stride = static_cast<std::uint16_t>(stride);
    value.slots = static_cast<std::uint16_t>(divide_up(reach, stride) + 1);
}

Result<condition> limit_condition(const Service& service) {
    const auto& limit = *service.limit;
    const auto period_ns = static_cast<std::uint64_t>(limit.per.count());
    if (limit.new_flows > MAX_LIMIT_FLOWS || period_ns > MAX_LIMIT_PERIOD_NS)
        return fail(
            fmt::format("service {} on {}: a limit counts at most {} new flows in at most 24d",
                        service.name, to_string(service.ports.front()), MAX_LIMIT_FLOWS),
            "write fewer new flows or a shorter time", ExitCode::PolicyInvalid);
    condition value{};
    value.key = name_hash(fmt::format("limit {} {}/{}", service.name, limit.new_flows, period_ns));
    value.period_ns = period_ns;
    value.new_flows = limit.new_flows;
    value.kind = CONDITION_LIMIT;
    choose_ring(value);
    return value;
}

}  // namespace

Result<> plan_limits(Plan& plan) {
    for (const auto& service : plan.policy.services) {
        auto& slot = plan.limits.emplace_back();
        if (!service.limit) continue;
        auto value = limit_condition(service);
        if (!value) {
            plan.refused_at = service.place;
            return pass_on(value.error());
        }
        slot = *value;
    }
    for (const auto& service : plan.policy.services) {
        plan.owners.push_back(service.owner ? owner_key(*service.owner) : 0);
        if (service.owner) plan.image().head.flags |= IMAGE_HAS_OWNERS;
    }
    return {};
}

}  // namespace portlid::policy
