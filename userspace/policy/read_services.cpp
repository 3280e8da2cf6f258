// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "abi/image.h"
#include "policy/loader.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxServices = 2048;  // half of MAX_DECISIONS: one opens, one closes

void read_service_name(LoadState& state, const YamlNode& node, Service& service) {
    const auto name = read_text(node, "`name`", state.report);
    if (!name || !check_name(*name, "a service", node.place, state.report)) return;
    for (const auto& other : state.policy.services)
        if (other.name == *name)
            return state.report.error(node.place,
                                      fmt::format("the service name `{}` is used twice", *name),
                                      "first used at " + at(other.place));
    service.name = *name;
}

void read_service_zones(LoadState& state, const YamlNode& node, Service& service) {
    read_list(node, "`zones`", false, state.report, [&](const YamlNode& item) {
        const auto name = read_text(item, "a zone", state.report);
        if (!name || find_zone(state, item, *name) == nullptr) return;
        if (std::find(service.zones.begin(), service.zones.end(), *name) != service.zones.end())
            return state.report.error(item.place, fmt::format("zone `{}` is named twice", *name));
        service.zones.push_back(*name);
    });
}

void read_service_addresses(LoadState& state, const YamlNode& node, Service& service) {
    read_list(node, "`addresses`", false, state.report, [&](const YamlNode& item) {
        const auto address = read_address(item, "a host address", state.report);
        if (!address) return;
        auto& known = service.addresses;
        if (known.size() == DESTINATION_SLOTS)
            state.report.error(item.place, fmt::format("more than {} addresses", DESTINATION_SLOTS),
                               "leave `addresses` out for all");
        else if (!can_be_own(*address))
            state.report.error(
                item.place, fmt::format("{} cannot be reached from outside", address->to_string()),
                "name an address of this host, or leave `addresses` out for all");
        else if (std::find(known.begin(), known.end(), *address) != known.end())
            state.report.error(item.place, fmt::format("{} is named twice", address->to_string()));
        else
            known.push_back(*address);
    });
}

void read_limit(LoadState& state, const YamlNode& node, Service& service) {
    const MapReader map(node, "`limit`", {"new", "exempt"}, state.report);
    Limit limit;
    const auto* rate = map.need("new");
    const bool good = rate != nullptr && read_rate(*rate, limit, state.report);
    if (const auto* exempt = map.find("exempt")) {
        auto sources = read_sources(state, *exempt, "`exempt`");
        limit.exempt = std::move(sources.text);
        limit.exempt_members = std::move(sources.members);
    }
    const bool udp = std::any_of(service.ports.begin(), service.ports.end(), [](const auto& port) {
        return port.protocol == PortProtocol::Udp;
    });
    if (udp)
        state.report.error(node.place, "`limit` cannot be used with udp ports",
                           "put the udp ports into a service of their own");
    if (good) service.limit = std::move(limit);
}

void read_service_parts(LoadState& state, const MapReader& map, Service& service) {
    if (const auto* node = map.need("ports"))
        service.ports = read_ports(*node, "`ports`", state.report);
    if (const auto* node = map.find("from")) {
        auto sources = read_sources(state, *node, "`from`");
        service.from = std::move(sources.members);
        service.from_text = std::move(sources.text);
        service.from_any = false;
    }
    if (const auto* node = map.find("zones")) read_service_zones(state, *node, service);
    if (const auto* node = map.find("addresses")) read_service_addresses(state, *node, service);
    if (const auto* node = map.find("mode")) service.mode = read_mode(*node, state.report);
    if (const auto* node = map.find("limit")) read_limit(state, *node, service);
    if (const auto* node = map.find("owner")) service.owner = read_owner(state, *node);
}

void read_service(LoadState& state, const YamlNode& node) {
    Service service;
    service.place = node.place;
    const MapReader map(node, "a service",
                        {"name", "ports", "from", "zones", "addresses", "mode", "limit", "owner"},
                        state.report);
    if (!map.ok()) return;
    if (const auto* name = map.need("name")) read_service_name(state, *name, service);
    read_service_parts(state, map, service);
    state.policy.services.push_back(std::move(service));
    if (state.policy.services.size() == kMaxServices + 1)
        state.report.error(node.place, fmt::format("more than {} services", kMaxServices),
                           "one service may open many ports");
}

}  // namespace

void read_services(LoadState& state, const YamlNode& node) {
    read_list(node, "`services`", true, state.report, [&](const YamlNode& item) {
        if (state.policy.services.size() <= kMaxServices) read_service(state, item);
    });
}

std::optional<Owner> read_owner(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "`owner`",
                        {"container", "image", "compose", "label", "unit", "exe", "user"},
                        state.report);
    if (!map.ok()) return std::nullopt;
    Owner owner;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        auto value = read_text(node.items[i], "an owner", state.report);
        if (value) owner.matches.emplace(node.keys[i].text, std::move(*value));
    }
    if (node.keys.empty())
        state.report.error(node.place, "`owner` is empty", "write owner: { container: \"web-*\" }");
    return owner;
}

}  // namespace portlid::policy
