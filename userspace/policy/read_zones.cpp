// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>

#include "abi/image.h"
#include "policy/loader.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

bool check_interface(const std::string& name, const Place& place, Report& report) {
    const bool good = name.size() < IFNAMSIZ && name.find_first_of("/ \t[]") == std::string::npos;
    if (!good)
        report.error(place, fmt::format("{} is not an interface name", quote(name)),
                     "names have at most 15 characters; `*` and `?` match any");
    return good;
}

// Exact names, globs and `uplink` alike: two zones that write the same word cannot both have it.
void claim_interface(LoadState& state, const std::string& name, const Place& place, Zone& zone) {
    const auto [entry, is_new] = state.interfaces.emplace(name, zone.name);
    if (is_new)
        zone.interfaces.push_back(name);
    else if (entry->second == zone.name)
        state.report.error(place, fmt::format("interface {} is named twice", quote(name)));
    else
        state.report.error(
            place, fmt::format("interface {} is already in zone `{}`", quote(name), entry->second),
            "an interface belongs to one zone: remove it from one of them");
}

void read_interfaces(LoadState& state, const YamlNode& node, Zone& zone) {
    read_list(node, "`interfaces`", false, state.report, [&](const YamlNode& item) {
        const auto name = read_text(item, "an interface", state.report);
        if (!name || !check_interface(*name, item.place, state.report)) return;
        claim_interface(state, *name, item.place, zone);
    });
}

void read_existing(LoadState& state, const YamlNode& node, Zone& zone) {
    if (node.kind == YamlNode::Kind::Scalar && node.text == "forever") return;
    zone.existing = read_duration(node, "`existing`", state.report);
}

void read_catch_all(LoadState& state, const YamlNode& node, Zone& zone) {
    zone.catch_all = read_bool(node, "`catch_all`", state.report).value_or(false);
    if (!zone.catch_all) return;
    for (const auto& other : state.policy.zones)
        if (other.catch_all)
            state.report.error(node.place, "two zones have `catch_all: true`",
                               fmt::format("zone `{}` has it already", other.name));
}

void read_zone_keys(LoadState& state, const MapReader& map, Zone& zone) {
    const auto* interfaces = map.find("interfaces");
    if (interfaces != nullptr) read_interfaces(state, *interfaces, zone);
    if (const auto* node = map.find("mode")) zone.mode = read_mode(*node, state.report);
    if (const auto* node = map.find("existing")) read_existing(state, *node, zone);
    if (const auto* node = map.find("catch_all")) read_catch_all(state, *node, zone);
    if (const auto* node = map.find("default")) {
        const auto action = read_action(*node, "`default`", state.report);
        zone.default_action = action.value_or(Action::Drop);
        zone.default_place = node->place;
    }
    if (map.ok() && interfaces == nullptr && !zone.catch_all)
        state.report.error(zone.place, fmt::format("zone `{}` has no `interfaces`", zone.name),
                           "write interfaces: [uplink], or catch_all: true");
}

void read_zone(LoadState& state, const Key& key, const YamlNode& node) {
    if (!check_name(key.text, "a zone", key.place, state.report)) return;
    for (const auto& other : state.policy.zones)
        if (other.name == key.text)
            return state.report.error(key.place,
                                      fmt::format("the zone name `{}` is used twice", key.text),
                                      "first used at " + at(other.place));
    Zone zone;
    zone.name = key.text;
    zone.place = key.place;
    zone.default_place = key.place;
    const MapReader map(node, "a zone", {"interfaces", "default", "mode", "existing", "catch_all"},
                        state.report);
    read_zone_keys(state, map, zone);
    state.policy.zones.push_back(std::move(zone));
    if (state.policy.zones.size() == MAX_ZONES + 1)
        state.report.error(key.place, fmt::format("more than {} zones", MAX_ZONES),
                           "put interfaces with the same rules into one zone");
}

}  // namespace

void read_zones(LoadState& state, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::Map) {
        state.report.error(node.place,
                           fmt::format("`zones` must be a map, not {}", kind_name(node)),
                           "write zones: { public: { interfaces: [uplink], default: drop } }");
        return;
    }
    for (std::size_t i = 0; i < node.keys.size() && state.policy.zones.size() <= MAX_ZONES; ++i)
        read_zone(state, node.keys[i], node.items[i]);
}

std::optional<Mode> read_mode(const YamlNode& node, Report& report) {
    const auto word = read_word(node, "`mode`", {"monitor", "enforce"}, report);
    if (!word) return std::nullopt;
    return *word == 0 ? Mode::Monitor : Mode::Enforce;
}

std::optional<Action> read_action(const YamlNode& node, std::string_view what, Report& report) {
    // Words of other firewalls that mean the same to an operator, not to a program that logs them.
    for (const auto* word : {"deny", "reject", "block", "accept", "pass", "open"}) {
        if (node.kind != YamlNode::Kind::Scalar || node.text != word) continue;
        const bool allow = word[0] == 'a' || word[0] == 'p' || word[0] == 'o';
        report.error(node.place, fmt::format("{} must be allow or drop, not `{}`", what, word),
                     allow ? "write allow" : "write drop");
        return std::nullopt;
    }
    const auto word = read_word(node, what, {"allow", "drop"}, report);
    if (!word) return std::nullopt;
    return *word == 0 ? Action::Allow : Action::Drop;
}

const Zone* find_zone(LoadState& state, const YamlNode& node, std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& zone : state.policy.zones) {
        if (zone.name == name) return &zone;
        names.emplace_back(zone.name);
    }
    state.report.error(node.place, fmt::format("there is no zone {}", quote(name)),
                       did_you_mean(name, names));
    return nullptr;
}

}  // namespace portlid::policy
