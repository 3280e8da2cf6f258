// SPDX-License-Identifier: Apache-2.0
// The JSON of nft(8). Bounded by whoever read it; no look-up throws, since every member is asked
// for its type first.
#include <netinet/in.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "nat/rules.hpp"

namespace portlid::nat {

namespace {

using Json = nlohmann::json;

const Json& at(const Json& json, const char* key) {
    static const Json nothing;
    if (!json.is_object()) return nothing;
    const auto found = json.find(key);
    return found == json.end() ? nothing : *found;
}

std::string text(const Json& json) {
    return json.is_string() ? json.get<std::string>() : std::string();
}

std::optional<std::uint16_t> port_of(const Json& json) {
    if (!json.is_number_unsigned() || json.get<std::uint64_t>() > 65535) return std::nullopt;
    return json.get<std::uint16_t>();
}

std::optional<std::vector<Json>> entries(std::string_view document) {
    const auto json = Json::parse(document, nullptr, false);
    const auto& list = at(json, "nftables");
    if (!list.is_array()) return std::nullopt;
    return list.get<std::vector<Json>>();
}

struct Span {
    std::uint16_t first = 1;
    std::uint16_t last = 65535;
    auto operator<=>(const Span&) const = default;
};

// What the rule matches, as far as it says which packets are translated.
struct Match {
    std::set<std::uint8_t> protocols{IPPROTO_TCP, IPPROTO_UDP};
    std::vector<Span> ports;
    std::vector<IpAddress> addresses;
    bool understood = true;
    bool by_map = false;  // a verdict map led here
    auto operator<=>(const Match&) const = default;
};

// 80, {"range":[80,90]}, {"set":[80,{"range":[…]}]}
bool read_ports(const Json& right, std::vector<Span>& ports) {
    if (const auto port = port_of(right)) {
        ports.push_back({*port, *port});
        return true;
    }
    if (const auto& range = at(right, "range"); range.is_array() && range.size() == 2) {
        const auto first = port_of(range[0]);
        const auto last = port_of(range[1]);
        if (!first || !last || *last < *first) return false;
        ports.push_back({*first, *last});
        return true;
    }
    const auto& set = at(right, "set");
    if (!set.is_array()) return false;
    bool all = true;
    for (const auto& member : set) all = read_ports(member, ports) && all;
    return all;
}

// One address or several; a prefix or a named set counts as every address.
void read_addresses(const Json& right, std::vector<IpAddress>& addresses) {
    if (const auto address = IpAddress::parse(text(right))) addresses.push_back(*address);
    for (const auto& member : at(right, "set"))
        if (const auto address = IpAddress::parse(text(member))) addresses.push_back(*address);
}

std::set<std::uint8_t> protocols_in(const Json& right) {
    std::set<std::uint8_t> found;
    const auto add = [&](const Json& word) {
        if (word == "tcp" || word == 6) found.insert(IPPROTO_TCP);
        if (word == "udp" || word == 17) found.insert(IPPROTO_UDP);
    };
    add(right);
    for (const auto& member : at(right, "set")) add(member);
    return found;
}

void read_match(const Json& match, Match& out) {
    const auto& payload = at(at(match, "left"), "payload");
    const auto& right = at(match, "right");
    const bool equal = text(at(match, "op")) == "==";
    const auto protocol = text(at(payload, "protocol"));
    const auto field = text(at(payload, "field"));
    if (protocol == "tcp") out.protocols = {IPPROTO_TCP};
    if (protocol == "udp") out.protocols = {IPPROTO_UDP};
    if (field == "dport" && equal) out.understood &= read_ports(right, out.ports);
    if (field == "daddr" && equal) read_addresses(right, out.addresses);
    const bool names_protocol = text(at(at(at(match, "left"), "meta"), "key")) == "l4proto" ||
                                (field == "protocol" && protocol == "ip") || field == "nexthdr";
    if (names_protocol && equal) out.protocols = protocols_in(right);
}

// Where a rule may lead on to. A verdict map chooses by what is in it: what that is stays unknown.
struct Jump {
    std::string chain;
    Match match;
    auto operator<=>(const Jump&) const = default;
};

void collect_jumps(const Json& json, const Match& match, std::vector<Jump>& jumps,
                   unsigned depth = 0) {
    constexpr unsigned kDeepest = 8;
    if (depth > kDeepest || !json.is_structured()) return;
    for (const auto* word : {"jump", "goto"})
        if (const auto target = text(at(at(json, word), "target")); !target.empty())
            jumps.push_back({target, match});
    for (const auto& member : json) collect_jumps(member, match, jumps, depth + 1);
}

void add_jumps(const Json& expression, const Match& match, std::vector<Jump>& jumps) {
    auto chosen = match;
    if (expression.is_object() && expression.contains("vmap")) chosen.by_map = true;
    collect_jumps(expression, chosen, jumps);
}

void add_nft_rules(const Match& match, const Json& dnat, Family family, NftRules& out) {
    DnatRule rule;
    const auto inner = IpAddress::parse(text(at(dnat, "addr")));
    const auto& port = at(dnat, "port");
    std::vector<Span> inner_ports;
    const bool chosen = !match.by_map || !match.ports.empty();
    const bool understood = match.understood && chosen && (inner || at(dnat, "addr").is_null()) &&
                            (port.is_null() || read_ports(port, inner_ports));
    if (!understood) {
        ++out.not_understood;
        return;
    }
    if (inner) {
        family = inner->family();
        rule.inner_address = *inner;
    }
    if (!inner_ports.empty()) {
        rule.inner_first = {inner_ports.front().first};
        rule.inner_last = {inner_ports.front().last};
    }
    auto addresses = match.addresses;
    if (addresses.empty()) addresses = {IpAddress::any(family)};
    const auto ports = match.ports.empty() ? std::vector<Span>{{}} : match.ports;
    for (const auto protocol : match.protocols)
        for (const auto& address : addresses)
            for (const auto& span : ports) {
                rule.protocol = protocol;
                rule.host_address = address;
                rule.first = {span.first};
                rule.last = {span.last};
                if (address.family() == family) out.dnat.push_back(rule);
            }
}

// Docker's and netavark's rules name the family in "dnat"; in an ip or ip6 table it is the table's.
Family family_of(const Json& rule, const Json& dnat) {
    const auto own = text(at(dnat, "family"));
    return (own.empty() ? text(at(rule, "family")) : own) == "ip6" ? Family::IPv6 : Family::IPv4;
}

// `match` is what led here; a rule's own conditions come on top.
void read_rule(const Json& rule, Match match, NftRules& out, std::vector<Jump>& jumps) {
    const auto inherited_ports = std::exchange(match.ports, {});
    const auto inherited_addresses = std::exchange(match.addresses, {});
    for (const auto& expression : at(rule, "expr")) {
        read_match(at(expression, "match"), match);
        auto whole = match;
        if (whole.ports.empty()) whole.ports = inherited_ports;
        if (whole.addresses.empty()) whole.addresses = inherited_addresses;
        add_jumps(expression, whole, jumps);
        if (!expression.is_object() || !expression.contains("dnat")) continue;
        const auto& dnat = at(expression, "dnat");
        add_nft_rules(whole, dnat, family_of(rule, dnat), out);
    }
}

}  // namespace

std::optional<std::vector<NftChain>> parse_nft_chains(std::string_view json) {
    const auto list = entries(json);
    if (!list) return std::nullopt;
    std::vector<NftChain> chains;
    for (const auto& entry : *list) {
        const auto& chain = at(entry, "chain");
        if (!chain.is_object()) continue;
        const bool nat =
            text(at(chain, "type")) == "nat" && text(at(chain, "hook")) == "prerouting";
        chains.push_back(
            {text(at(chain, "family")), text(at(chain, "table")), text(at(chain, "name")), nat});
    }
    return chains;
}

std::optional<NftRules> parse_nft_table(std::string_view json) {
    const auto list = entries(json);
    const auto chains = parse_nft_chains(json);
    if (!list || !chains) return std::nullopt;
    std::map<std::string, std::vector<const Json*>> rules;
    for (const auto& entry : *list)
        if (const auto& rule = at(entry, "rule"); rule.is_object())
            rules[text(at(rule, "chain"))].push_back(&rule);
    std::vector<Jump> open;
    for (const auto& chain : *chains)
        if (chain.prerouting_nat) open.push_back({chain.name, {}});
    NftRules out;
    constexpr std::size_t kSteps = 4096;
    std::set<Jump> taken;  // the kernel allows no loops; a text may have them
    while (!open.empty() && taken.size() < kSteps) {
        const auto [jump, fresh] = taken.insert(std::move(open.back()));
        open.pop_back();
        if (!fresh) continue;
        for (const auto* rule : rules[jump->chain]) read_rule(*rule, jump->match, out, open);
    }
    return out;
}

}  // namespace portlid::nat
