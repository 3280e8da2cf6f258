// SPDX-License-Identifier: Apache-2.0
// The text of iptables-save: a line a rule, options as they would be typed. An option that is not
// known is stepped over: whatever it asks for, the rule opens the port to somebody.
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.hpp"
#include "nat/rules.hpp"

namespace portlid::nat {

namespace {

constexpr std::size_t kRules = 65536;

struct PortSpan {
    std::uint16_t first = 1;
    std::uint16_t last = 65535;
};

struct Line {
    std::string chain, target;
    std::uint8_t protocol = 0;  // 0 = any
    std::optional<IpAddress> destination;
    std::vector<PortSpan> ports;
    std::string to;
};

std::optional<std::uint16_t> port_number(std::string_view text) {
    std::uint16_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<PortSpan> span_of(std::string_view text, char separator) {
    const auto at = text.find(separator);
    const auto first = port_number(text.substr(0, at));
    const auto last = at == std::string_view::npos ? first : port_number(text.substr(at + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    return PortSpan{*first, *last};
}

void add_ports(std::string_view list, std::vector<PortSpan>& ports) {
    for (const auto part : split(list, ','))
        if (const auto span = span_of(part, ':')) ports.push_back(*span);
}

// Of a prefix only a single address means one; a wider one counts as every address.
std::optional<IpAddress> single_address(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || slash == std::string_view::npos) return address;
    const auto* whole = address->family() == Family::IPv4 ? "32" : "128";
    return text.substr(slash + 1) == whole ? address : std::nullopt;
}

// Words of a line; quoted ones (comments) stay one word, so that no comment is read as an option.
std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    while (at < line.size()) {
        if (line[at] == ' ') {
            ++at;
            continue;
        }
        auto end = at;
        bool quoted = false;
        for (; end < line.size() && (quoted || line[end] != ' '); ++end) {
            if (line[end] == '\\')
                ++end;
            else if (line[end] == '"')
                quoted = !quoted;
        }
        end = std::min(end, line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

Line read_line(std::string_view text) {
    Line line;
    const auto words = words_of(text);
    bool inverted = false;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const auto option = words[i];
        const auto value = words[i + 1];
        if (option == "!") {
            inverted = true;
            continue;
        }
        if (option == "-A")
            line.chain = value;
        else if (option == "-j" || option == "-g")
            line.target = value;
        else if (option == "--to-destination")
            line.to = value;
        else if (option == "-p" && !inverted)
            line.protocol = value == "tcp" ? IPPROTO_TCP : value == "udp" ? IPPROTO_UDP : 255;
        else if (option == "-d" && !inverted)
            line.destination = single_address(value);
        else if ((option == "--dport" || option == "--dports") && !inverted)
            add_ports(value, line.ports);
        inverted = false;
    }
    return line;
}

// "172.17.0.2:80", "172.17.0.2:80-90", "[fd00::2]:80", "172.17.0.2", ":80"; a range that is shifted
// ends in "/BASE". An inner range of addresses stands for its first.
bool read_target(std::string_view text, DnatRule& rule) {
    std::string_view host = text, ports;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return false;
        host = text.substr(1, end - 1);
        ports = text.substr(end + 1);
    } else if (const auto colon = text.rfind(':');
               colon != std::string_view::npos && text.find(':') == colon) {
        host = text.substr(0, colon);
        ports = text.substr(colon);
    }
    host = host.substr(0, host.find('-'));
    if (!host.empty()) {
        const auto address = IpAddress::parse(host);
        if (!address) return false;
        rule.inner_address = *address;
    }
    if (ports.starts_with(':')) ports.remove_prefix(1);
    ports = ports.substr(0, ports.find('/'));
    if (ports.empty()) return !host.empty();
    const auto span = span_of(ports, '-');
    if (!span) return false;
    rule.inner_first = {span->first};
    rule.inner_last = {span->last};
    return true;
}

void add_rules(const Line& line, Family family, std::vector<DnatRule>& rules) {
    DnatRule rule;
    rule.host_address = line.destination.value_or(IpAddress::any(family));
    if (rule.host_address.family() != family || !read_target(line.to, rule)) return;
    const auto ports = line.ports.empty() ? std::vector<PortSpan>{{}} : line.ports;
    for (const auto protocol : {std::uint8_t{IPPROTO_TCP}, std::uint8_t{IPPROTO_UDP}}) {
        if (line.protocol != 0 && line.protocol != protocol) continue;
        for (const auto& span : ports) {
            if (rules.size() >= kRules) return;
            rule.protocol = protocol;
            rule.first = {span.first};
            rule.last = {span.last};
            rules.push_back(rule);
        }
    }
}

using Chains = std::map<std::string, std::vector<Line>, std::less<>>;

struct Walk {
    const Chains& chains;
    Family family;
    std::vector<DnatRule>& rules;
};

// What led here still holds: a chain of translations often stands behind the rule that chooses.
Line narrowed(const Line& by, Line line) {
    if (line.protocol == 0) line.protocol = by.protocol;
    if (!line.destination) line.destination = by.destination;
    if (line.ports.empty()) line.ports = by.ports;
    return line;
}

// From PREROUTING along the jumps. The kernel allows no loops; a text may have them, so no way
// leads through a chain twice.
void walk(const Walk& in, const Line& from) {
    constexpr unsigned kDeepest = 16;
    std::vector<std::pair<Line, std::vector<std::string>>> open{{from, {}}};
    for (std::size_t steps = 0; !open.empty() && steps < kRules; ++steps) {
        auto [here, way] = std::move(open.back());
        open.pop_back();
        way.push_back(here.chain);
        const auto lines = in.chains.find(here.chain);
        if (lines == in.chains.end()) continue;
        for (const auto& written : lines->second) {
            auto line = narrowed(here, written);
            if (line.target == "DNAT") {
                add_rules(line, in.family, in.rules);
            } else if (way.size() < kDeepest && in.chains.contains(line.target) &&
                       std::find(way.begin(), way.end(), line.target) == way.end()) {
                line.chain = line.target;
                open.emplace_back(std::move(line), way);
            }
        }
    }
}

}  // namespace

std::vector<DnatRule> parse_iptables_save(std::string_view text, Family family) {
    Chains chains;
    bool in_nat = false;
    for (const auto line : split(text, '\n')) {
        if (line.starts_with('*')) in_nat = line == "*nat";
        if (!in_nat || !line.starts_with("-A ")) continue;
        auto parsed = read_line(line);
        chains[parsed.chain].push_back(std::move(parsed));
    }
    std::vector<DnatRule> rules;
    walk({chains, family, rules}, {.chain = "PREROUTING"});
    return rules;
}

}  // namespace portlid::nat
