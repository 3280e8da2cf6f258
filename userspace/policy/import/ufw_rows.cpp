// SPDX-License-Identifier: Apache-2.0
#include "policy/import/ufw_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "policy/import/importers.hpp"
#include "policy/import/ufw_rules.hpp"

namespace portlid::policy {

namespace {

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// As iptables-restore takes a row apart: blanks part words, double quotes hold them together.
std::vector<std::string> row_words(std::string_view line) {
    std::vector<std::string> words;
    bool inside = false;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool blank = line[i] == ' ' || line[i] == '\t';
        if (blank && !quoted) {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        inside = true;
        if (line[i] == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && line[i] == '\\' && i + 1 < line.size()) ++i;
        words.back() += line[i];
    }
    return words;
}

// The word behind the last of `names`; "" when there is none.
template <std::size_t N>
std::string behind(const std::vector<std::string>& words,
                   const std::array<std::string_view, N>& names) {
    for (std::size_t i = words.size(); i > 1; --i)
        if (one_of(words[i - 2], names)) return words[i - 1];
    return "";
}

// One match of a row with its value: false = nothing that a rule can say.
bool take_match(const std::string& name, const std::string& value, Family family, MatchRule& rule,
                std::optional<TuplePorts>& ports) {
    if (name == "-s" || name == "--source" || name == "--src") {
        const auto source = tuple_network(value, family);
        if (!source || rule.source.bits != 0) return false;
        rule.source = *source;
        return true;
    }
    if (one_of<4>(name, {"--dport", "--destination-port", "--dports", "--destination-ports"})) {
        if (ports || value == "any") return false;
        ports = tuple_ports(value);
        return ports.has_value();
    }
    if (name == "-m" || name == "--match")
        return one_of<4>(value, {"tcp", "udp", "multiport", "comment"});
    if (name == "-p" || name == "--protocol") return value == "tcp" || value == "udp";
    return one_of<4>(name, {"-j", "--jump", "--reject-with", "--comment"});
}

void add_ports(const IptablesRow& row, const std::optional<TuplePorts>& ports, MatchRule& rule) {
    rule.every_protocol = row.protocol.empty();
    if (row.protocol.empty()) {
        rule.ports = every_port();
        return;
    }
    const auto protocol = row.protocol == "tcp" ? PortProtocol::Tcp : PortProtocol::Udp;
    if (!ports) rule.ports.push_back({protocol, 1, 65535});
    for (const auto& [first, last] : ports.value_or(TuplePorts{}))
        rule.ports.push_back({protocol, first, last});
}

}  // namespace

std::optional<IptablesRow> iptables_row(std::string_view line) {
    line = trim(line);
    if (line.empty() || line == "COMMIT" || line[0] == '#' || line[0] == '*' || line[0] == ':')
        return std::nullopt;
    IptablesRow row;
    row.words = row_words(line);
    const bool counted = row.words.size() > 1 && row.words[0].starts_with('[');
    if (counted) row.words.erase(row.words.begin());
    row.text = fmt::format("{}", fmt::join(row.words, " "));
    if (row.words.size() > 1) row.chain = row.words[1];
    row.appended = !row.words.empty() && (row.words[0] == "-A" || row.words[0] == "--append");
    row.target = behind<4>(row.words, {"-j", "--jump", "-g", "--goto"});
    row.protocol = behind<2>(row.words, {"-p", "--protocol"});
    return row;
}

bool answers_pings(const IptablesRow& row, Family family) {
    return row.text ==
           (family == Family::IPv4
                ? "-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT"
                : "-A ufw6-before-input -p icmpv6 --icmpv6-type echo-request -j ACCEPT");
}

bool about_output(const IptablesRow& row) {
    return row.chain == "OUTPUT" || row.chain == "POSTROUTING" ||
           (row.chain.starts_with("ufw") && row.chain.ends_with("-output"));
}

bool only_logs(const IptablesRow& row) {
    const bool logging = row.chain.find("-logging-") != std::string::npos;
    return row.target == "LOG" || row.target == "NFLOG" || (logging && row.target == "RETURN");
}

bool may_close(const IptablesRow& row) {
    return row.target != "ACCEPT" && !only_logs(row);
}

std::optional<MatchRule> drop_rule(const IptablesRow& row, Family family,
                                   const std::string& where) {
    if (row.words.size() % 2 != 0 || (row.words[0] != "-A" && row.words[0] != "-I") ||
        (row.target != "DROP" && row.target != "REJECT"))
        return std::nullopt;
    MatchRule rule;
    rule.source = {IpAddress::any(family), 0};
    std::optional<TuplePorts> ports;
    for (std::size_t i = 2; i < row.words.size(); i += 2)
        if (!take_match(row.words[i], row.words[i + 1], family, rule, ports)) return std::nullopt;
    if (ports && row.protocol.empty()) return std::nullopt;
    add_ports(row, ports, rule);
    rule.where = where;
    rule.text = row.text;
    return rule;
}

Unmapped unmapped_row(const IptablesRow& row, const std::string& where) {
    const std::string what = "a rule for iptables itself, not one of UFW's";
    if (only_logs(row)) return {where, row.text, what + ": it only logs"};
    if (!may_close(row)) return {where, row.text, what};
    if (row.protocol.find("icmp") != std::string::npos)
        return {where, row.text, what + ": of ICMP a policy says pings only (`icmp:`)"};
    return {where, row.text,
            what +
                ": what it closes stays open where a service opens it; close it with `deny:`, "
                "or by the service's `from:`",
            true};
}

}  // namespace portlid::policy
