// SPDX-License-Identifier: Apache-2.0
// Questions to the model that several ask.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace portlid::policy {

// Any of `ranges` has the port. `port_host`: 1 to 65535.
[[nodiscard]] inline bool names(const std::vector<PortRange>& ranges, PortProtocol protocol,
                                std::uint32_t port_host) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const PortRange& range) {
        return range.protocol == protocol && range.first_host <= port_host &&
               port_host <= range.last_host;
    });
}

// Owned by `policy`; null when it has no such set.
[[nodiscard]] inline const NamedSet* find_set(const Policy& policy, const std::string& name) {
    const auto found = std::find_if(policy.sets.begin(), policy.sets.end(),
                                    [&](const auto& set) { return set.name == name; });
    return found == policy.sets.end() ? nullptr : &*found;
}

}  // namespace portlid::policy
