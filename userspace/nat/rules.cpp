// SPDX-License-Identifier: Apache-2.0
#include "nat/rules.hpp"

#include <algorithm>

namespace portlid::nat {

HostPort DnatRule::inner_port(HostPort port) const {
    if (inner_first.value == 0) return port;
    const bool shifted = inner_last.value - inner_first.value == last.value - first.value;
    if (!shifted || first == last) return inner_first;
    return {static_cast<std::uint16_t>(inner_first.value + (port.value - first.value))};
}

const DnatRule* find(const Rules& rules, std::uint8_t protocol, const IpAddress& address,
                     HostPort port) {
    const DnatRule* widest = nullptr;
    for (const auto& rule : rules.dnat) {
        if (rule.protocol != protocol || port < rule.first || rule.last < port) continue;
        if (rule.host_address == address) return &rule;
        const bool covers = rule.host_address.is_any() && !address.is_loopback() &&
                            rule.host_address.family() == address.family();
        if (covers && widest == nullptr) widest = &rule;
    }
    return widest;
}

}  // namespace portlid::nat
