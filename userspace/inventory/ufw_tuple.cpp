// SPDX-License-Identifier: Apache-2.0
// UFW writes each of its rules twice: for iptables, and as a comment that it reads back itself:
//   ACTION PROTOCOL DPORT DST SPORT SRC [DAPP SAPP] [DIRECTION]
//   allow tcp 80,443,7000:7100 0.0.0.0/0 any 203.0.113.0/24 in_eth0
// ACTION may begin with "route:" and end with "_log" or "_log-all"; " comment=HEX" may follow.
#include <netinet/in.h>

#include <array>

#include "base/text.hpp"
#include "identity/number.hpp"
#include "inventory/firewall.hpp"

namespace portlid::inventory {

namespace {

using Words = std::vector<std::string_view>;

struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
};

struct ProtocolName {
    std::string_view word;
    std::uint8_t number;
};
constexpr std::array<ProtocolName, 7> kProtocols{{{"tcp", IPPROTO_TCP},
                                                  {"udp", IPPROTO_UDP},
                                                  {"esp", IPPROTO_ESP},
                                                  {"ah", IPPROTO_AH},
                                                  {"gre", IPPROTO_GRE},
                                                  {"igmp", IPPROTO_IGMP},
                                                  {"ipv6", IPPROTO_IPV6}}};

Words words_of(std::string_view line) {
    Words words;
    for (const auto word : split(line, ' ')) {
        if (!word.empty() && word != "\r") words.push_back(word);
    }
    return words;
}

bool parse_action(std::string_view word, UfwRule& rule) {
    if (word.starts_with("route:")) {
        rule.routed = true;
        word.remove_prefix(6);
    }
    word = word.substr(0, word.find('_'));
    if (word == "allow") rule.action = UfwAnswer::Allow;
    if (word == "deny") rule.action = UfwAnswer::Deny;
    if (word == "reject") rule.action = UfwAnswer::Reject;
    if (word == "limit") rule.action = UfwAnswer::Limit;
    return word == "allow" || word == "deny" || word == "reject" || word == "limit";
}

bool parse_protocol(std::string_view word, UfwRule& rule) {
    if (word == "any") return true;
    for (const auto& protocol : kProtocols) {
        if (protocol.word == word) rule.protocol = protocol.number;
    }
    return rule.protocol.has_value();
}

std::optional<Ports> parse_port_range(std::string_view text) {
    const auto colon = text.find(':');
    const auto first = identity::whole_number<std::uint16_t>(text.substr(0, colon));
    const auto last = colon == std::string_view::npos
                          ? first
                          : identity::whole_number<std::uint16_t>(text.substr(colon + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return Ports{*first, *last};
}

std::optional<std::vector<Ports>> parse_ports(std::string_view word) {
    if (word == "any") return std::vector<Ports>{{}};
    std::vector<Ports> ranges;
    for (const auto part : split(word, ',')) {
        const auto range = parse_port_range(part);
        if (!range) return std::nullopt;
        ranges.push_back(*range);
    }
    return ranges;
}

std::optional<Cidr> parse_network(std::string_view word, Family family) {
    if (word == "any") return Cidr{IpAddress::any(family), 0};
    const auto network = Cidr::parse(word, true);
    if (!network || network->address.family() != family) return std::nullopt;
    return network;
}

// "in", "out", "in_eth0", "out_eth0", "in_eth0!out_eth1".
bool parse_direction(std::string_view word, UfwRule& rule) {
    word = word.substr(0, word.find('!'));
    const auto underscore = word.find('_');
    const auto direction = word.substr(0, underscore);
    if (direction != "in" && direction != "out") return false;
    rule.outgoing = direction == "out";
    if (underscore != std::string_view::npos) rule.interface_in = word.substr(underscore + 1);
    return true;
}

}  // namespace

std::optional<std::vector<UfwRule>> parse_ufw_tuple(std::string_view tuple, Family family) {
    const auto words = words_of(tuple.substr(0, tuple.find(" comment=")));
    if (words.size() < 6 || words.size() > 9) return std::nullopt;
    UfwRule rule;
    const auto ports = parse_ports(words[2]);
    const auto destination = parse_network(words[3], family);
    const auto source = parse_network(words[5], family);
    if (!parse_action(words[0], rule) || !parse_protocol(words[1], rule) || !ports ||
        !parse_ports(words[4]) || !destination || !source)
        return std::nullopt;
    // Six and eight words are the format of old versions, without a direction.
    if (words.size() % 2 == 1 && !parse_direction(words.back(), rule)) return std::nullopt;
    rule.destination = *destination;
    rule.source = *source;
    rule.any_source_port = words[4] == "any";
    std::vector<UfwRule> rules;
    for (const auto& range : *ports) {
        rule.first_port = range.first;
        rule.last_port = range.last;
        rules.push_back(rule);
    }
    return rules;
}

}  // namespace portlid::inventory
