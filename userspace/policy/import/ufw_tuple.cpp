// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "policy/import/ufw_rules.hpp"

namespace portlid::policy {

namespace {

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto word : split(line, ' '))
        if (!word.empty() && word != "\r") words.push_back(word);
    return words;
}

std::optional<std::uint16_t> tuple_port(std::string_view text) {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

bool take_action(std::string_view word, UfwTuple& tuple) {
    if (word.starts_with("route:")) {
        tuple.routed = true;
        word.remove_prefix(6);
    }
    tuple.action = word.substr(0, word.find('_'));  // without _log, _log-all
    return tuple.action == "allow" || tuple.action == "deny" || tuple.action == "reject" ||
           tuple.action == "limit";
}

// "in", "out", "in_eth0", "in_eth0!out_eth1".
bool take_direction(std::string_view word, UfwTuple& tuple) {
    word = word.substr(0, word.find('!'));
    const auto underscore = word.find('_');
    const auto direction = word.substr(0, underscore);
    tuple.outgoing = direction == "out";
    if (underscore != std::string_view::npos) tuple.interface = word.substr(underscore + 1);
    return direction == "in" || direction == "out";
}

// UFW writes a space as %20.
std::string app_name(std::string_view word) {
    std::string name;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const bool space = word.substr(i, 3) == "%20";
        name += space ? ' ' : word[i];
        if (space) i += 2;
    }
    return name == "-" ? "" : name;
}

}  // namespace

std::optional<TuplePorts> tuple_ports(std::string_view word) {
    TuplePorts ports;
    if (word == "any") return ports;
    for (const auto part : split(word, ',')) {
        const auto colon = part.find(':');
        const auto first = tuple_port(part.substr(0, colon));
        const auto last =
            colon == std::string_view::npos ? first : tuple_port(part.substr(colon + 1));
        if (!first || !last || *first == 0 || *first > *last) return std::nullopt;
        ports.emplace_back(*first, *last);
    }
    return ports;
}

std::optional<Cidr> tuple_network(std::string_view word, Family family) {
    if (word == "any") return Cidr{IpAddress::any(family), 0};
    const auto network = Cidr::parse(word, true);
    if (!network || network->address.family() != family) return std::nullopt;
    return network;
}

std::optional<UfwTuple> parse_tuple(std::string_view text, Family family) {
    const auto words = fields_of(text.substr(0, text.find(" comment=")));
    if (words.size() < 6 || words.size() > 9) return std::nullopt;
    UfwTuple tuple;
    tuple.protocol = words[1];
    const auto ports = tuple_ports(words[2]);
    const auto destination = tuple_network(words[3], family);
    const auto source = tuple_network(words[5], family);
    if (!take_action(words[0], tuple) || !ports || !destination || !source ||
        (words[4] != "any" && !tuple_ports(words[4])))
        return std::nullopt;
    // Six and eight words are the format of old versions, without a direction.
    if (words.size() % 2 == 1 && !take_direction(words.back(), tuple)) return std::nullopt;
    if (words.size() >= 8) tuple.app = app_name(words[6]);
    tuple.ports = *ports;
    tuple.any_source_port = words[4] == "any";
    tuple.source = *source;
    if (destination->bits != 0) tuple.destination = destination;
    return tuple;
}

}  // namespace portlid::policy
