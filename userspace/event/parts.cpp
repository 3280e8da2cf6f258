// SPDX-License-Identifier: Apache-2.0
#include "event/parts.hpp"

namespace portlid::event {

void add_origin(Json& body, const Origin& origin, const char* hook) {
    body["host"] = {{"name", origin.host}, {"boot_id", origin.boot_id}};
    Json sensor = {{"version", origin.version}};
    if (hook != nullptr) sensor["hook"] = hook;
    sensor["generation"] = origin.generation;
    sensor["policy"] = text_or_null(origin.policy_hash);
    body["sensor"] = std::move(sensor);
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json container_json(const std::optional<ContainerView>& container) {
    if (!container) return nullptr;
    Json json = {{"id", container->id},
                 {"name", text_or_null(container->name)},
                 {"image", text_or_null(container->image)}};
    const bool compose = !container->compose_project.empty();
    json["compose"] = compose ? Json{{"project", container->compose_project},
                                     {"service", text_or_null(container->compose_service)}}
                              : Json(nullptr);
    return json;
}

Json published_json(const PublishedView& published) {
    return {{"host_ip", published.host_address.to_string()},
            {"host_port", published.host_port.value},
            {"container_port", published.container_port.value},
            {"proxy", published.proxy}};
}

std::string time_of(BootTime instant) {
    return to_rfc3339(to_wall(instant));
}

const char* to_string(Scope scope) {
    switch (scope) {
        case Scope::Public:
            return "public";
        case Scope::Zone:
            return "zone";
        case Scope::Host:
            return "host";
        case Scope::Container:
            return "container";
    }
    return "unknown";
}

Severity severity_of(Kind kind) {
    switch (kind) {
        case Kind::TamperDetected:
            return Severity::Critical;
        case Kind::CoverageLost:
        case Kind::PolicyRejected:
        case Kind::PolicyRolledBack:
            return Severity::High;
        case Kind::ModeChanged:
        case Kind::SensorStopped:
        case Kind::SensorDegraded:
        case Kind::SensorGap:
        case Kind::SocketRefused:
            return Severity::Medium;
        case Kind::BanAdded:
        case Kind::BanExpired:
        case Kind::NetSummary:
            return Severity::Low;
        default:
            return Severity::Info;
    }
}

}  // namespace portlid::event
