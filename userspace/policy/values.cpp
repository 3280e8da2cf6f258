// SPDX-License-Identifier: Apache-2.0
#include "policy/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace portlid::policy {

namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    return value;
}

constexpr std::size_t kMaxNameBytes = 64;

struct ProtocolName {
    std::string_view name;
    std::uint8_t number;
};
// Fixed here rather than taken from the machine's /etc/protocols: one policy, one meaning.
constexpr auto kProtocols = std::to_array<ProtocolName>({
    {"igmp", 2},         {"ipip", 4},   {"egp", 8},      {"igp", 9},    {"dccp", 33},
    {"ipv6", 41},        {"rsvp", 46},  {"gre", 47},     {"esp", 50},   {"ah", 51},
    {"eigrp", 88},       {"ospf", 89},  {"etherip", 97}, {"pim", 103},  {"ipcomp", 108},
    {"vrrp", 112},       {"l2tp", 115}, {"isis", 124},   {"sctp", 132}, {"udplite", 136},
    {"mpls-in-ip", 137}, {"hip", 139},
});
constexpr auto kOwnKeys = std::to_array<ProtocolName>({
    {"icmp", 1},
    {"tcp", 6},
    {"udp", 17},
    {"icmpv6", 58},
    {"ipv6-icmp", 58},
});

std::vector<std::string_view> protocol_names() {
    std::vector<std::string_view> names;
    for (const auto& protocol : kProtocols) names.push_back(protocol.name);
    return names;
}

}  // namespace

std::optional<Cidr> parse_prefix(std::string_view text, const Place& place, Report& report) {
    const bool odd = text.find("/0") != std::string_view::npos && !text.ends_with("/0");  // "/032"
    if (const auto prefix = Cidr::parse(text); prefix && !odd) return prefix;
    if (const auto cleared = Cidr::parse(text, true); cleared && !odd) {
        report.error(place, fmt::format("{} has host bits set", quote(text)),
                     fmt::format("did you mean {}?", cleared->to_string()));
        return std::nullopt;
    }
    report.error(place, fmt::format("{} is not an address or prefix", quote(text)),
                 "write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48");
    return std::nullopt;
}

bool can_be_own(const IpAddress& address) {
    const auto first = address.family() == Family::IPv4 ? address.bytes()[12] : address.bytes()[0];
    const bool multicast = address.family() == Family::IPv4 ? first >= 224 : first == 0xff;
    return !address.is_any() && !address.is_loopback() && !multicast;
}

std::optional<IpAddress> read_address(const YamlNode& node, std::string_view what, Report& report) {
    const auto text = read_text(node, what, report);
    if (!text) return std::nullopt;
    const auto address = IpAddress::parse(*text);
    if (!address)
        report.error(node.place, fmt::format("{} {} is not an address", what, quote(*text)));
    return address;
}

std::optional<std::chrono::nanoseconds> read_duration(const YamlNode& node, std::string_view what,
                                                      Report& report) {
    const auto text = read_text(node, what, report);
    if (!text) return std::nullopt;
    const auto duration = parse_duration(*text);
    if (!duration)
        report.error(node.place, fmt::format("{} {} is not a duration", what, quote(*text)),
                     "write 30s, 10m, 24h or 7d");
    return duration;
}

std::optional<std::uint8_t> read_protocol(const YamlNode& node, Report& report) {
    const auto text = read_text(node, "a protocol", report);
    if (!text) return std::nullopt;
    std::optional<std::uint8_t> number;  // quoted it is a name
    if (!node.quoted) number = parse_number<std::uint8_t>(*text);
    for (const auto& known : kProtocols)
        if (known.name == *text) number = known.number;
    for (const auto& own : kOwnKeys) {
        if (own.name != *text && number != own.number) continue;
        report.error(node.place, fmt::format("{} has its own key", quote(*text)),
                     own.number == 6 || own.number == 17 ? "open ports under `services:`"
                                                         : "write `icmp: { ping: allow }`");
        return std::nullopt;
    }
    if (!number)
        report.error(node.place, fmt::format("unknown protocol {}", quote(*text)),
                     !parse_number<unsigned>(*text) ? did_you_mean(*text, protocol_names())
                     : node.quoted                  ? "write the number without quotes"
                                                    : "protocol numbers are 0 to 255");
    return number;
}

std::string protocol_text(std::uint8_t number) {
    for (const auto& known : kProtocols)
        if (known.number == number) return std::string(known.name);
    return std::to_string(number);
}

bool read_rate(const YamlNode& node, Limit& limit, Report& report) {
    const auto text = read_text(node, "`new`", report);
    if (!text) return false;
    const auto slash = text->find('/');
    const auto count = parse_number<std::uint32_t>(text->substr(0, slash));
    const auto per =
        slash == std::string::npos ? std::nullopt : parse_duration(text->substr(slash + 1));
    if (!count || *count == 0 || !per || per->count() == 0) {
        report.error(node.place, fmt::format("{} is not a rate", quote(*text)),
                     "write how many new flows in how long: 6/30s");
        return false;
    }
    limit.new_flows = *count;
    limit.per = *per;
    return true;
}

bool check_name(std::string_view name, std::string_view what, const Place& place, Report& report) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto inside = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    };
    const bool good = !name.empty() && name.size() <= kMaxNameBytes && letter(name.front()) &&
                      std::all_of(name.begin(), name.end(), inside);
    if (!good)
        report.error(place, fmt::format("{} is not a name for {}", quote(name), what),
                     "begin with a letter, then letters, digits, `.`, `-` or `_`; at most 64");
    return good;
}

std::string duration_text(std::chrono::nanoseconds duration) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    constexpr std::pair<std::int64_t, char> kUnits[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    if (seconds == 0) return "0";
    for (const auto& [length, unit] : kUnits)
        if (seconds % length == 0) return fmt::format("{}{}", seconds / length, unit);
    return fmt::format("{}s", seconds);
}

}  // namespace portlid::policy
