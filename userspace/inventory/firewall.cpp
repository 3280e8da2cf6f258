// SPDX-License-Identifier: Apache-2.0
#include "inventory/firewall.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/file.hpp"
#include "base/text.hpp"

namespace portlid::inventory {

namespace {

constexpr std::size_t kFileBytes = std::size_t{16} << 20U;
constexpr std::string_view kTuple = "### tuple ###";

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// KEY=value and KEY="value" lines; later ones win, as in a shell. Empty when there is no file.
std::map<std::string, std::string> read_settings(const std::filesystem::path& file) {
    std::map<std::string, std::string> settings;
    const auto text = read_file(file, kFileBytes);
    if (!text) return settings;
    for (const auto line : split(*text, '\n')) {
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || line.starts_with('#')) continue;
        auto value = line.substr(equals + 1);
        const auto begin = value.find_first_not_of("\"' \t\r");
        const auto end = value.find_last_not_of("\"' \t\r");
        value = begin == std::string_view::npos ? "" : value.substr(begin, end - begin + 1);
        settings[lower(line.substr(0, equals))] = lower(value);
    }
    return settings;
}

UfwAnswer policy_word(const std::string& word) {
    if (word == "accept") return UfwAnswer::Allow;
    return word == "reject" ? UfwAnswer::Reject : UfwAnswer::Deny;
}

enum class Match : std::uint8_t { No, Some, All };

// How much of the traffic from anywhere to (protocol, address, port) the rule is about.
Match match(const UfwRule& rule, std::uint8_t protocol, const IpAddress& address, HostPort port) {
    if (rule.routed || rule.outgoing) return Match::No;
    if (rule.destination.address.family() != address.family()) return Match::No;
    if (rule.protocol && *rule.protocol != protocol) return Match::No;
    if (port.value < rule.first_port || port.value > rule.last_port) return Match::No;
    const bool some_addresses = rule.destination.bits != 0 && address.is_any();
    if (!some_addresses && !rule.destination.contains(address)) return Match::No;
    const bool partial = some_addresses || rule.source.bits != 0 || !rule.any_source_port ||
                         !rule.interface_in.empty();
    return partial ? Match::Some : Match::All;
}

bool lets_in(UfwAnswer answer) {
    return answer == UfwAnswer::Allow || answer == UfwAnswer::Limit;
}

}  // namespace

const char* to_string(UfwAnswer answer) {
    switch (answer) {
        case UfwAnswer::Allow:
            return "allow";
        case UfwAnswer::Deny:
            return "deny";
        case UfwAnswer::Reject:
            return "reject";
        case UfwAnswer::Limit:
            return "limit";
        case UfwAnswer::Restricted:
            return "restricted";
        case UfwAnswer::Inactive:
            return "inactive";
        case UfwAnswer::Absent:
            return "absent";
    }
    return "absent";
}

void Ufw::read_rules(const std::filesystem::path& file, Family family) {
    const auto text = read_file(file, kFileBytes);
    if (!text) return;
    for (const auto line : split(*text, '\n')) {
        if (!line.starts_with(kTuple)) continue;
        auto rules = parse_ufw_tuple(line.substr(kTuple.size()), family);
        if (!rules) {
            ++unreadable_lines_;
            continue;
        }
        rules_.insert(rules_.end(), rules->begin(), rules->end());
    }
}

Ufw Ufw::read(const std::filesystem::path& etc) {
    Ufw ufw;
    const auto conf = etc / "ufw" / "ufw.conf";
    std::error_code ignored;
    ufw.installed_ = std::filesystem::exists(conf, ignored);
    if (!ufw.installed_) return ufw;
    auto settings = read_settings(etc / "default" / "ufw");
    for (auto& [key, value] : read_settings(conf)) settings[key] = value;
    ufw.active_ = settings["enabled"] == "yes";
    ufw.ipv6_ = settings["ipv6"] == "yes";
    ufw.default_input_ = policy_word(settings["default_input_policy"]);
    ufw.read_rules(etc / "ufw" / "user.rules", Family::IPv4);
    if (ufw.ipv6_) ufw.read_rules(etc / "ufw" / "user6.rules", Family::IPv6);
    return ufw;
}

UfwAnswer Ufw::answer(std::uint8_t protocol, const IpAddress& address, HostPort port) const {
    if (!installed_) return UfwAnswer::Absent;
    if (!active_) return UfwAnswer::Inactive;
    if (!ipv6_ && address.family() == Family::IPv6) return UfwAnswer::Deny;
    bool some_let_in = false;
    bool some_kept_out = false;
    UfwAnswer answer = default_input_;
    for (const auto& rule : rules_) {
        const auto matched = match(rule, protocol, address, port);
        if (matched == Match::Some) (lets_in(rule.action) ? some_let_in : some_kept_out) = true;
        if (matched != Match::All) continue;
        answer = rule.action;
        break;
    }
    const bool divided = lets_in(answer) ? some_kept_out : some_let_in;
    return divided ? UfwAnswer::Restricted : answer;
}

}  // namespace portlid::inventory
