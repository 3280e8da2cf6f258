// SPDX-License-Identifier: Apache-2.0
// Destination addresses that services name, as classes in a small open-addressed table.
#include <fmt/format.h>

#include "lib/hash.h"
#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

bool place_address(policy_image& image, const ip_bytes& address, std::uint32_t class_id) {
    const auto hash = hash_address(&address);
    for (std::uint32_t probe = 0; probe < DESTINATION_PROBES; ++probe) {
        auto& slot = image.destinations[(hash + probe) & (DESTINATION_SLOTS - 1)];
        if (slot.class_id != 0) continue;
        slot.address = address;
        slot.class_id = class_id;
        return true;
    }
    return false;
}

tl::unexpected<Error> too_many(const char* what, unsigned limit) {
    return fail(fmt::format("`addresses` of all services: {} (limit {})", what, limit),
                "leave `addresses` out where a service may use every address",
                ExitCode::PolicyInvalid);
}

std::map<IpAddress, std::vector<std::size_t>> named_addresses(const Policy& policy) {
    std::map<IpAddress, std::vector<std::size_t>> named;
    for (std::size_t i = 0; i < policy.services.size(); ++i)
        for (const auto& address : policy.services[i].addresses) named[address].push_back(i);
    return named;
}

}  // namespace

Result<> plan_destinations(Plan& plan) {
    plan.destination_services.emplace_back();  // class 0: any other address
    std::map<std::vector<std::size_t>, std::uint32_t> classes;
    for (const auto& [address, services] : named_addresses(plan.policy)) {
        const auto next = static_cast<std::uint32_t>(plan.destination_services.size());
        const auto [entry, is_new] = classes.emplace(services, next);
        if (is_new) plan.destination_services.push_back(services);
        if (plan.destination_services.size() > MAX_DESTINATION_CLASSES)
            return too_many("too many different combinations", MAX_DESTINATION_CLASSES);
        if (!place_address(plan.image(), address.to_bytes(), entry->second))
            return too_many("too many addresses", DESTINATION_SLOTS);
    }
    auto& head = plan.image().head;
    head.destination_classes = static_cast<std::uint32_t>(plan.destination_services.size());
    if (head.destination_classes > 1) head.flags |= IMAGE_HAS_DESTINATIONS;
    return {};
}

}  // namespace portlid::policy
