// SPDX-License-Identifier: Apache-2.0
// DNAT rules that packets from outside meet, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace portlid::nat {

// Ports [first, last] of a host address lead to an inner address. No inner address and port means
// that the rule does not change it.
struct DnatRule {
    std::uint8_t protocol = 6;  // IPPROTO_TCP or IPPROTO_UDP
    IpAddress host_address;     // any() = every address of that family
    HostPort first, last;
    IpAddress inner_address;
    HostPort inner_first;  // 0 = as it came
    HostPort inner_last;   // of a range that is shifted; else inner_first
    bool operator==(const DnatRule&) const = default;
    // Where the packet for `port` goes.
    [[nodiscard]] HostPort inner_port(HostPort port) const;
};

struct Rules {
    std::uint64_t version = 0;  // grows with every reading that differs; 0 = never read
    std::vector<DnatRule> dnat;
    std::string problem;  // why it may be incomplete, "" when it is whole
};

// The rule for a port of one own address, or of every address (any()): the exact address first.
// Loopback is matched exactly only: rules for "every" address leave it out.
[[nodiscard]] const DnatRule* find(const Rules& rules, std::uint8_t protocol,
                                   const IpAddress& address, HostPort port);

// The nat table of `iptables-save` or `ip6tables-save`; other tables in the text are skipped.
[[nodiscard]] std::vector<DnatRule> parse_iptables_save(std::string_view text, Family family);

struct NftChain {
    std::string family, table, name;
    bool prerouting_nat = false;
};
// The chains of `nft -j list chains` or of a listed table; none when it is no such document.
[[nodiscard]] std::optional<std::vector<NftChain>> parse_nft_chains(std::string_view json);
// The rules of one `nft -j list table`; what is not understood is counted. Rules that iptables-nft
// wrote are neither: they are somebody else's to read.
struct NftRules {
    std::vector<DnatRule> dnat;
    unsigned not_understood = 0;
};
[[nodiscard]] std::optional<NftRules> parse_nft_table(std::string_view json);

}  // namespace portlid::nat
