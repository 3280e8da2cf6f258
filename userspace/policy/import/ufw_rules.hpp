// SPDX-License-Identifier: Apache-2.0
// UFW's own rules as values. UFW writes each twice: for iptables, and as a comment that it reads
// back itself (ufw 0.36, backend_iptables.py):
//   ### tuple ### ACTION PROTOCOL DPORT DST SPORT SRC [DAPP SAPP] [DIRECTION] [comment=HEX]
//   ### tuple ### allow tcp 80,443,7000:7100 0.0.0.0/0 any 203.0.113.0/24 in_eth0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/import/draft.hpp"
#include "policy/import/first_match.hpp"

namespace portlid::policy {

using TuplePorts = std::vector<std::pair<std::uint16_t, std::uint16_t>>;

struct UfwTuple {
    std::string action;               // allow, deny, reject, limit
    bool routed = false;              // `ufw route`
    std::string protocol;             // any, tcp, udp, esp, ...
    TuplePorts ports;                 // empty = any
    std::optional<Cidr> destination;  // none = any
    bool any_source_port = true;
    Cidr source;
    std::string app;  // profile name, spaces restored
    bool outgoing = false;
    std::string interface;
};

// None when UFW would skip the line too. `text` is what follows "### tuple ###".
[[nodiscard]] std::optional<UfwTuple> parse_tuple(std::string_view text, Family family);

// "80,443,7000:7100" or "any"; a prefix of the family, or "any".
[[nodiscard]] std::optional<TuplePorts> tuple_ports(std::string_view word);
[[nodiscard]] std::optional<Cidr> tuple_network(std::string_view word, Family family);

// The tuples of one file as first-match rules; what no rule can say goes to draft.unmapped, as do
// rows for iptables that belong to no tuple.
// Other protocols opened to everybody are collected in `protocols`.
void add_ufw_file(std::string_view text, const std::string& name, Family family,
                  std::vector<MatchRule>& rules, std::vector<std::string>& protocols, Draft& draft);

}  // namespace portlid::policy
