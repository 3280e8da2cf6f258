// SPDX-License-Identifier: Apache-2.0
// "80/tcp" and its many misspellings.
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint16_t> service_port(const std::string& name, const char* protocol) {
    std::array<char, 2048> buffer{};
    servent entry{};
    servent* found = nullptr;
    const int failed =
        getservbyname_r(name.c_str(), protocol, &entry, buffer.data(), buffer.size(), &found);
    if (failed != 0 || found == nullptr) return std::nullopt;
    return NetPort{static_cast<std::uint16_t>(found->s_port)}.to_host().value;
}

std::optional<std::uint16_t> port_number(std::string_view text, const Place& place,
                                         Report& report) {
    unsigned value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || value > 65535) {
        report.error(place, fmt::format("port {} is above 65535", printable(text, 20)));
        return std::nullopt;
    }
    if (value == 0) {
        report.error(place, "port 0 is not a port", "ports are 1 to 65535");
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(value);
}

std::optional<PortRange> numeric_range(std::string_view ports, PortRange range, const Place& place,
                                       Report& report) {
    const auto dash = ports.find('-');
    const auto first = port_number(ports.substr(0, dash), place, report);
    if (!first) return std::nullopt;
    const auto last =
        dash == std::string_view::npos ? first : port_number(ports.substr(dash + 1), place, report);
    if (!last) return std::nullopt;
    range.first_host = *first;
    range.last_host = *last;
    if (*first <= *last) return range;
    const auto turned = PortRange{range.protocol, *last, *first};
    report.error(place, fmt::format("port range {}-{} runs backwards", *first, *last),
                 fmt::format("did you mean {}?", to_string(turned)));
    return std::nullopt;
}

bool is_numeric(std::string_view ports) {
    const auto dash = ports.find('-');
    return all_digits(ports.substr(0, dash)) &&
           (dash == std::string_view::npos || all_digits(ports.substr(dash + 1)));
}

std::optional<PortProtocol> protocol_of(std::string_view text, const YamlNode& node,
                                        Report& report) {
    if (text == "tcp") return PortProtocol::Tcp;
    if (text == "udp") return PortProtocol::Udp;
    auto hint = did_you_mean(text, {"tcp", "udp"});
    if (hint.empty()) hint = "ports are tcp or udp; other protocols go under `protocols:`";
    report.error(node.place,
                 fmt::format("unknown protocol {} in port {}", quote(text), quote(node.text)),
                 std::move(hint));
    return std::nullopt;
}

}  // namespace

std::optional<PortRange> read_port(const YamlNode& node, Report& report) {
    const auto text = read_text(node, "a port", report);
    if (!text) return std::nullopt;
    const auto slash = text->find('/');
    const auto ports = text->substr(0, slash);
    if (slash == std::string::npos) {
        report.error(node.place, fmt::format("port {} has no protocol", quote(*text)),
                     fmt::format("write {0}/tcp or {0}/udp", printable(ports, 40)));
        return std::nullopt;
    }
    const auto protocol = protocol_of(std::string_view(*text).substr(slash + 1), node, report);
    if (!protocol) return std::nullopt;
    if (is_numeric(ports)) return numeric_range(ports, {*protocol}, node.place, report);
    const char* word = *protocol == PortProtocol::Tcp ? "tcp" : "udp";
    const auto number = service_port(ports, word);
    if (number) return PortRange{*protocol, *number, *number};
    report.error(node.place, fmt::format("{} is not a port", quote(*text)),
                 fmt::format("write a number, a range or a {} name of /etc/services", word));
    return std::nullopt;
}

std::vector<PortRange> read_ports(const YamlNode& node, std::string_view what, Report& report) {
    std::vector<PortRange> ranges;
    std::vector<std::pair<PortRange, const YamlNode*>> written;
    read_list(node, what, false, report, [&](const YamlNode& item) {
        const auto range = read_port(item, report);
        if (!range) return;
        ranges.push_back(*range);
        written.emplace_back(*range, &item);
    });
    std::stable_sort(written.begin(), written.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < written.size(); ++i) {
        const auto& [before, ignored] = written[i - 1];
        const auto& [range, item] = written[i];
        if (range.protocol != before.protocol || range.first_host > before.last_host) continue;
        report.error(item->place,
                     fmt::format("{} overlaps {} in {}", to_string(range), to_string(before), what),
                     "name every port once");
    }
    return ranges;
}

}  // namespace portlid::policy
