// SPDX-License-Identifier: Apache-2.0
// Firewalls where the first rule that matches decides, said in a language where rules add up: from
// every rule that allows, what earlier rules decided is cut away. Ports, sources and interfaces are
// cut exactly; where that cannot be said (a rule about some addresses of the host before one about
// all), more is cut than needed and the rule is listed as unmapped: closed, never guessed open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/import/draft.hpp"

namespace portlid::policy {

struct MatchRule {
    enum class Action : std::uint8_t { Allow, Limit, Deny };
    Action action = Action::Deny;
    std::vector<PortRange> ports;     // tcp and udp apart
    Cidr source;                      // whose family is the rule's
    std::optional<Cidr> destination;  // none = all addresses of the host
    std::string interface;            // none = all
    std::string where;                // "user.rules:12"
    std::string text;                 // as written
    std::string name;                 // for the service; may be empty
    bool every_protocol = false;      // all ports of tcp and udp, and every other IP protocol
};

inline constexpr std::size_t kMaxMatchRules = 4096;

// Adds zones and services to `draft`; what no rule decides is dropped. Fails with exit code 1 when
// the rules are too many or too tangled.
[[nodiscard]] Result<> add_first_match(const std::vector<MatchRule>& rules, Draft& draft);

}  // namespace portlid::policy
