// SPDX-License-Identifier: Apache-2.0
#include "policy/select.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace portlid::policy {

namespace {

constexpr const char* kUplink = "uplink";

bool is_glob(const std::string& word) {
    return word.find_first_of("*?") != std::string::npos;
}

// What globs, `uplink` and catch_all never pick: traffic there is judged at another interface.
bool is_inside(const InterfaceFacts& facts) {
    return facts.loopback || facts.engine_bridge || facts.bridge_port;
}

bool counts_as_uplink(const InterfaceFacts& facts, bool any_uplink_known) {
    return facts.uplink || (!any_uplink_known && facts.hardware && facts.ethernet);
}

template <class Match>
std::optional<ZoneChoice> first_zone(const Policy& policy, Match match) {
    for (unsigned index = 0; index < policy.zones.size(); ++index)
        for (const auto& word : policy.zones[index].interfaces)
            if (auto why = match(policy.zones[index], word)) return ZoneChoice{index, false, *why};
    return std::nullopt;
}

using Why = std::optional<std::string>;

std::optional<ZoneChoice> by_name(const Policy& policy, const InterfaceFacts& facts) {
    return first_zone(policy, [&](const Zone& zone, const std::string& word) -> Why {
        if (word == kUplink || is_glob(word) || word != facts.name) return std::nullopt;
        return "named in zone " + zone.name;
    });
}

std::optional<ZoneChoice> by_glob(const Policy& policy, const InterfaceFacts& facts) {
    return first_zone(policy, [&](const Zone&, const std::string& word) -> Why {
        if (!is_glob(word) || !glob_match(word, facts.name)) return std::nullopt;
        return "glob " + word;
    });
}

std::optional<ZoneChoice> by_uplink(const Policy& policy) {
    return first_zone(policy, [](const Zone&, const std::string& word) -> Why {
        return word == kUplink ? Why("uplink") : std::nullopt;
    });
}

std::optional<ZoneChoice> by_catch_all(const Policy& policy) {
    for (unsigned index = 0; index < policy.zones.size(); ++index)
        if (policy.zones[index].catch_all) return ZoneChoice{index, true, "catch_all"};
    return std::nullopt;
}

}  // namespace

std::optional<ZoneChoice> choose_zone(const Policy& policy, const InterfaceFacts& facts,
                                      bool any_uplink_known) {
    if (facts.loopback) return std::nullopt;
    if (auto choice = by_name(policy, facts)) return choice;
    if (is_inside(facts)) return std::nullopt;
    if (auto choice = by_glob(policy, facts)) return choice;
    if (counts_as_uplink(facts, any_uplink_known))
        if (auto choice = by_uplink(policy)) return choice;
    return facts.hardware ? by_catch_all(policy) : std::nullopt;
}

}  // namespace portlid::policy
