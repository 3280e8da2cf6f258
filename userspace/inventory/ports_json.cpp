// SPDX-License-Identifier: Apache-2.0
#include "inventory/ports_json.hpp"

#include "base/text.hpp"
#include "event/decode.hpp"

namespace portlid::inventory {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(printable(text));
}

Json compose_json(const ContainerName& container) {
    if (container.compose_project.empty() && container.compose_service.empty()) return nullptr;
    return {{"project", text_or_null(container.compose_project)},
            {"service", text_or_null(container.compose_service)}};
}

Json container_json(const std::optional<ContainerName>& container) {
    if (!container) return nullptr;
    return {{"id", printable(container->id)},
            {"name", text_or_null(container->name)},
            {"image", text_or_null(container->image)},
            {"compose", compose_json(*container)}};
}

Json holder_json(const HolderViewPtr& holder) {
    if (!holder) return nullptr;
    return {{"pid", holder->pid == 0 ? Json(nullptr) : Json(holder->pid)},
            {"exe", text_or_null(holder->exe)},
            {"comm", text_or_null(holder->comm)},
            {"user", text_or_null(holder->user)},
            {"unit", text_or_null(holder->unit)},
            {"container", container_json(holder->container)}};
}

Json published_json(const std::optional<Published>& published) {
    if (!published) return nullptr;
    return {{"host_ip", published->host_address.to_string()},
            {"container_port", published->container_port.value},
            {"proxy", published->proxy}};
}

Json reach_json(const std::vector<ZoneReach>& reach) {
    Json zones = Json::array();
    for (const auto& zone : reach)
        zones.push_back({{"zone", printable(zone.zone)},
                         {"now", policy::to_string(zone.now)},
                         {"enforced", policy::to_string(zone.enforced)}});
    return zones;
}

// To the second: the offset between the clocks is measured anew each time.
Json since_json(const std::optional<BootTime>& since) {
    if (!since) return nullptr;
    constexpr std::size_t kToSeconds = 19;  // 2026-03-01T10:15:02
    return to_rfc3339(to_wall(*since)).substr(0, kToSeconds) + "Z";
}

}  // namespace

Json port_json(const Exposure& item) {
    const bool unused = item.verdict == ExposureVerdict::Unused;
    return {{"transport", event::protocol_name(item.protocol)},
            {"family", to_string(item.family)},
            {"address", item.address ? Json(item.address->to_string()) : Json(nullptr)},
            {"port", item.port.value},
            {"netns", unused ? Json(nullptr) : Json(item.netns)},
            {"host_netns", item.host_netns},
            {"since", since_json(item.since)},
            {"preexisting", item.preexisting},
            {"published", published_json(item.published)},
            {"holder", holder_json(item.holder)},
            {"binder", holder_json(item.binder)},
            {"ufw", to_string(item.ufw)},
            {"service", text_or_null(item.service)},
            {"reach", reach_json(item.reach)},
            {"verdict", to_string(item.verdict)}};
}

std::string ports_document(const std::vector<Exposure>& exposures) {
    std::string document = R"({"schema":"portlid.ports/v1","items":[)";
    constexpr std::size_t kTypicalItemBytes = 640;  // so that it grows once, if at all
    document.reserve(exposures.size() * kTypicalItemBytes);
    const auto* separator = "";
    for (const auto& exposure : exposures) {
        document.append(separator).append(port_json(exposure).dump());
        separator = ",";
    }
    return document.append("]}");
}

}  // namespace portlid::inventory
