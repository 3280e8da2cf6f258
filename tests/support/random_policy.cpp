// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <tuple>

#include "support/random_host.hpp"

namespace portlid::test {

namespace {

std::string joined(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
    return "[" + text + "]";
}

std::string in_quotes(const std::string& text) {
    return '"' + text + '"';
}

std::string random_prefix(Dice& dice) {
    if (dice.chance(10)) {
        const bool v4 = dice.chance(50);
        const auto bits = v4 ? dice.between(1, 32) : dice.between(1, 128);
        const auto base = dice.pick(some_sources(v4));
        return Cidr::parse(base + "/" + std::to_string(bits), true)->to_string();
    }
    return dice.pick<std::string>({"0.0.0.0/0",       "::/0",
                                   "203.0.113.0/24",  "203.0.113.64/26",
                                   "203.0.113.9",     "198.51.100.0/24",
                                   "198.51.100.66",   "2001:db8:bad::/48",
                                   "2001:db8:bad::9", "2001:db8:77::/48",
                                   "10.0.0.0/8",      "192.0.2.0/24",
                                   "fe80::/10",       "128.0.0.0/1",
                                   "2000::/3",        "172.16.0.0/12",
                                   "2001:db8:2::1",   "198.18.0.0/15",
                                   "fd00::/8",        "8.8.8.8"});
}

// Some of `pool`, each once.
std::vector<std::string> some_of(Dice& dice, std::vector<std::string> pool, unsigned count) {
    std::vector<std::string> out;
    while (out.size() < count && !pool.empty()) {
        const auto at = dice.below(pool.size());
        out.push_back(pool[at]);
        pool.erase(pool.begin() + at);
    }
    return out;
}

struct Names {
    std::vector<std::string> zones;
    std::vector<std::string> sets;
};

std::vector<std::string> random_prefixes(Dice& dice, unsigned most) {
    std::vector<std::string> out;
    const auto count = dice.between(1, most);
    for (unsigned i = 0; i < count; ++i) {
        const auto prefix = in_quotes(random_prefix(dice));
        if (std::find(out.begin(), out.end(), prefix) == out.end()) out.push_back(prefix);
    }
    return out;
}

// Sets, prefixes, or both.
std::string random_sources(Dice& dice, const Names& names) {
    auto out = names.sets.empty() || dice.chance(40)
                   ? random_prefixes(dice, 3)
                   : some_of(dice, names.sets, dice.between(1, 2));
    if (!names.sets.empty() && dice.chance(20)) {
        const auto set = dice.pick(names.sets);
        if (std::find(out.begin(), out.end(), set) == out.end()) out.push_back(set);
    }
    return joined(out);
}

std::string random_ports(Dice& dice, bool tcp_only = false) {
    struct Range {
        const char* protocol;
        unsigned first, last;
    };
    static constexpr std::array<Range, 16> kPool{{{"tcp", 22, 22},
                                                  {"tcp", 80, 80},
                                                  {"tcp", 443, 443},
                                                  {"udp", 443, 443},
                                                  {"udp", 53, 53},
                                                  {"tcp", 53, 53},
                                                  {"tcp", 1, 1023},
                                                  {"udp", 5000, 5010},
                                                  {"tcp", 8080, 8080},
                                                  {"tcp", 9000, 9999},
                                                  {"tcp", 65535, 65535},
                                                  {"udp", 1, 100},
                                                  {"udp", 30000, 65535},
                                                  {"tcp", 1, 65535},
                                                  {"udp", 1, 65535},
                                                  {"udp", 546, 547}}};
    std::vector<Range> chosen;
    const auto count = dice.between(1, 3);
    for (unsigned i = 0; i < count || chosen.empty(); ++i) {
        const auto range = kPool[dice.below(kPool.size())];
        if (tcp_only && range.protocol[0] != 't') continue;
        const bool overlaps = std::any_of(chosen.begin(), chosen.end(), [&](const Range& other) {
            return other.protocol[0] == range.protocol[0] && other.first <= range.last &&
                   range.first <= other.last;
        });
        if (!overlaps) chosen.push_back(range);
    }
    std::vector<std::string> out;
    for (const auto& range : chosen)
        out.push_back(std::to_string(range.first) +
                      (range.first == range.last ? "" : "-" + std::to_string(range.last)) + "/" +
                      range.protocol);
    return joined(out);
}

std::string random_mode(Dice& dice) {
    return dice.chance(60) ? "enforce" : "monitor";
}

std::string random_existing(Dice& dice, Clock clock) {
    return clock == Clock::Kernel ? dice.pick<std::string>({"0", "24h", "forever"})
                                  : dice.pick<std::string>({"0", "1s", "10m", "24h", "forever"});
}

std::string random_zones(Dice& dice, Names& names, Clock clock) {
    std::string text = "zones:\n";
    const auto count = dice.between(1, 3);
    for (unsigned i = 0; i < count; ++i) {
        names.zones.push_back("z" + std::to_string(i));
        text += "  z" + std::to_string(i) + ":\n    interfaces: [e" + std::to_string(i) + "]\n";
        if (dice.chance(80))
            text += std::string("    default: ") + (dice.chance(70) ? "drop" : "allow") + "\n";
        if (dice.chance(40)) text += "    mode: " + random_mode(dice) + "\n";
        if (dice.chance(50)) text += "    existing: " + random_existing(dice, clock) + "\n";
    }
    return text;
}

std::string random_sets(Dice& dice, Names& names) {
    const auto count = dice.below(5);
    std::string text = count == 0 ? "" : "sets:\n";
    for (unsigned i = 0; i < count; ++i) {
        names.sets.push_back("s" + std::to_string(i));
        text += "  s" + std::to_string(i) + ": " + joined(random_prefixes(dice, 5)) + "\n";
    }
    return text;
}

std::string random_limit(Dice& dice, const Names& names, Clock clock) {
    std::string text =
        "    limit: { new: " + dice.pick<std::string>({"1", "2", "2", "3", "6", "12"});
    text += clock == Clock::Kernel ? dice.pick<std::string>({"/1h", "/24h"})
                                   : dice.pick<std::string>({"/30s", "/60s", "/1h"});
    if (dice.chance(40)) text += ", exempt: " + random_sources(dice, names);
    return text + " }\n";
}

std::string random_owner(Dice& dice) {
    std::string text;
    for (const auto& [word, value] : dice.pick(some_owners()))
        text += (text.empty() ? "" : ", ") + word + ": " + in_quotes(value);
    return "    owner: { " + text + " }\n";
}

std::string random_service(Dice& dice, const Names& names, Clock clock, unsigned number) {
    // At most four limits and owners on one port (bpf/README.md): the first service may have both,
    // the next two one of them.
    const bool limited = number < 3 && dice.chance(50);
    std::string text = "  - name: n" + std::to_string(number) + "\n";
    text += "    ports: " + random_ports(dice, limited) + "\n";
    if (limited) text += random_limit(dice, names, clock);
    if (dice.chance(50)) text += "    from: " + random_sources(dice, names) + "\n";
    if (dice.chance(30))
        text += "    zones: " +
                joined(some_of(dice, names.zones,
                               dice.between(1, static_cast<unsigned>(names.zones.size())))) +
                "\n";
    if (dice.chance(25))
        text += "    addresses: " +
                joined(some_of(dice,
                               {kHostV4, "192.0.2.2", "10.8.0.1", in_quotes(kHostV6),
                                in_quotes("fe80::1"), "172.30.0.5", "192.0.2.200"},
                               dice.between(1, 3))) +
                "\n";
    if (dice.chance(40)) text += "    mode: " + random_mode(dice) + "\n";
    if ((number == 0 || (number < 3 && !limited)) && dice.chance(60)) text += random_owner(dice);
    return text;
}

std::string random_services(Dice& dice, const Names& names, Clock clock) {
    const auto count = dice.below(9);
    std::string text = count == 0 ? "" : "services:\n";
    for (unsigned i = 0; i < count; ++i) text += random_service(dice, names, clock, i);
    return text;
}

std::string random_failsafe(Dice& dice, const Names& names) {
    std::string text = "failsafe:\n";
    const auto count = dice.between(1, 2);
    for (unsigned i = 0; i < count; ++i) {
        text += "  - { ports: " + random_ports(dice);
        if (dice.chance(80)) text += ", from: " + random_sources(dice, names);
        text += " }\n";
    }
    return text;
}

std::string random_rest(Dice& dice, const Names& names) {
    std::string text;
    if (dice.chance(50)) text += "deny: " + random_sources(dice, names) + "\n";
    if (dice.chance(60))
        text += std::string("icmp: { ping: ") + (dice.chance(50) ? "allow" : "drop") + " }\n";
    if (dice.chance(50))
        text += "protocols: " +
                joined(some_of(dice, {"esp", "gre", "112", "132", "255", "63", "64"},
                               dice.between(1, 4))) +
                "\n";
    if (dice.chance(60))
        text += std::string("transit: ") + (dice.chance(50) ? "allow" : "drop") + "\n";
    if (dice.chance(50))
        text += "routed: " +
                joined(some_of(dice,
                               {"172.30.0.0/16", "172.17.0.0/16", "172.16.0.0/12", "172.30.0.0/24",
                                "172.17.0.2", in_quotes("fd00:17::/64"), "198.18.0.0/15"},
                               dice.between(1, 2))) +
                "\n";
    if (dice.chance(40)) text += random_failsafe(dice, names);
    return text;
}

}  // namespace

std::string random_policy(Dice& dice, Clock clock) {
    Names names;
    std::string text = "version: 1\nmode: " + random_mode(dice) + "\n";
    text += random_zones(dice, names, clock);
    text += random_sets(dice, names);
    text += random_services(dice, names, clock);
    return text + random_rest(dice, names);
}

}  // namespace portlid::test
