// SPDX-License-Identifier: Apache-2.0
// Elastic Common Schema. What has no ECS field stands under `portlid` with its native name, so that
// nothing of an event is lost. The table is in ../README.md.
#include <algorithm>
#include <array>

#include "sink/encode/fields.hpp"

namespace portlid::sink {

namespace {

struct Class {
    const char* kind;
    std::vector<std::string> category;
    std::vector<std::string> type;
};

std::string socket_type(const std::string& kind) {
    if (kind == "socket.close") return "end";
    return kind == "socket.refused" ? "denied" : "start";
}

std::string exposure_type(const std::string& kind) {
    if (kind == "exposure.opened") return "creation";
    return kind == "exposure.closed" ? "deletion" : "change";
}

std::string verdict_type(const std::string& verdict) {
    if (verdict == "drop") return "denied";
    return verdict == "allow" ? "allowed" : "info";
}

std::string sensor_type(const std::string& kind) {
    if (kind == "sensor.started") return "start";
    return kind == "sensor.stopped" ? "end" : "info";
}

Class classify(const Json& native) {
    const auto kind = text_at(native, "kind");
    const auto family = family_of_kind(native);
    if (family == "net")
        return {"event", {"network"}, {"connection", verdict_type(text_at(native, "verdict"))}};
    if (family == "socket") return {"event", {"network"}, {socket_type(kind)}};
    if (family == "exposure") {
        const bool alert = text_at(native, "verdict") == "exposed";
        return {alert ? "alert" : "event", {"configuration", "network"}, {exposure_type(kind)}};
    }
    if (family == "tamper") return {"alert", {"intrusion_detection"}, {"info"}};
    if (kind == "sensor.heartbeat") return {"metric", {"host"}, {"info"}};
    if (family == "sensor" || family == "container")
        return {"event", {"host"}, {sensor_type(kind)}};
    return {"event", {"configuration"}, {"change"}};
}

void add_event(Json& out, const Json& native) {
    const auto one = classify(native);
    const auto family = family_of_kind(native);
    copy(out, "event.id", native, "id");
    copy(out, "event.sequence", native, "seq");
    put(out, "event.kind", one.kind);
    put(out, "event.category", one.category);
    put(out, "event.type", one.type);
    copy(out, "event.action", native, "kind");
    put(out, "event.module", "portlid");
    put(out, "event.dataset", "portlid." + family);
    put(out, "event.provider", "portlid");
    put(out, "event.severity", severity_number(native));
    copy(out, "event.reason", native, "reason");
    put(out, "event.outcome", text_at(native, "kind") == "policy.rejected" ? "failure" : "success");
    copy(out, "event.start", native, "first");
    copy(out, "event.end", native, "last");
    copy(out, "log.level", native, "severity");
}

void add_observer(Json& out, const Json& native) {
    copy(out, "host.name", native, "host.name");
    copy(out, "host.boot.id", native, "host.boot_id");
    put(out, "observer.vendor", "Portlid");
    put(out, "observer.product", "portlid");
    put(out, "observer.type", "firewall");
    copy(out, "observer.version", native, "sensor.version");
    copy(out, "observer.hostname", native, "host.name");
    copy(out, "observer.ingress.interface.name", native, "net.interface");
    copy(out, "observer.ingress.zone", native, "net.zone");
}

void add_network(Json& out, const Json& native) {
    const auto& socket = at(native, "socket");
    const auto& from = at(native, "net").is_object() ? at(native, "net")
                       : socket.is_object()          ? socket
                                                     : native;
    copy(out, "network.type", from, "family");
    copy(out, "network.transport", from, "transport");
    copy(out, "network.bytes", from, "bytes");
    const int number = protocol_number(text_at(from, "transport"));
    if (number >= 0) put(out, "network.iana_number", std::to_string(number));
    if (at(native, "src").is_object()) put(out, "network.direction", "ingress");
    const auto& vlan = at(native, "net.vlan");
    if (vlan.is_number() && vlan != 0) put(out, "network.vlan.id", vlan.dump());
}

void add_endpoint(Json& out, const char* to, const Json& native, const std::string& from) {
    copy(out, std::string(to) + ".ip", native, from + ".ip");
    copy(out, std::string(to) + ".address", native, from + ".ip");
    copy(out, std::string(to) + ".port", native, from + ".port");
}

// "172.18.0.3:5432" and "[fd00::3]:5432" behind the DNAT.
void add_nat(Json& out, const Json& native) {
    const auto inner = text_at(native, "target.inner");
    const auto colon = inner.rfind(':');
    if (colon == std::string::npos) return;
    auto ip = inner.substr(0, colon);
    if (ip.size() > 2 && ip.front() == '[') ip = ip.substr(1, ip.size() - 2);
    const auto port = Json::parse(inner.substr(colon + 1), nullptr, false);
    put(out, "destination.nat.ip", ip);
    if (port.is_number_unsigned()) put(out, "destination.nat.port", port);
}

void add_container(Json& out, const Json& native) {
    const auto& container = container_of(native);
    copy(out, "container.id", container, "id");
    copy(out, "container.name", container, "name");
    const auto image = text_at(container, "image");
    if (image.empty()) return;
    const auto colon = image.rfind(':');
    const bool tagged = colon != std::string::npos && image.find('/', colon) == std::string::npos;
    put(out, "container.image.name", tagged ? image.substr(0, colon) : image);
    if (tagged) put(out, "container.image.tag", Json::array({image.substr(colon + 1)}));
}

void add_process(Json& out, const Json& native) {
    const char* from = at(native, "process").is_object()  ? "process"
                       : at(native, "target").is_object() ? "target"
                                                          : "holder";
    const auto& process = at(native, from);
    copy(out, "process.pid", process, "pid");
    copy(out, "process.parent.pid", process, "ppid");
    copy(out, "process.executable", process, "exe");
    copy(out, "process.name", process, "comm");
    copy(out, "process.start", process, "start");
    copy(out, "process.user.name", process, "user");
    if (at(process, "uid").is_number()) put(out, "process.user.id", at(process, "uid").dump());
}

void add_related(Json& out) {
    Json ips = Json::array();
    for (const auto* path : {"source.ip", "destination.ip", "destination.nat.ip"})
        if (at(out, path).is_string()) ips.push_back(at(out, path));
    if (!ips.empty()) put(out, "related.ip", std::move(ips));
    if (at(out, "host.name").is_string())
        put(out, "related.hosts", Json::array({at(out, "host.name")}));
}

void add_own(Json& out, const Json& native) {
    constexpr std::array<std::string_view, 9> kMapped = {"v",    "id",  "seq", "time", "first",
                                                         "last", "src", "dst", "host"};
    for (const auto& [key, value] : native.items())
        if (std::find(kMapped.begin(), kMapped.end(), key) == kMapped.end())
            out["portlid"][own_name(key, native)] = value;
}

}  // namespace

Json ecs_document(const Json& native) {
    Json out = Json::object();
    copy(out, "@timestamp", native, "time");
    put(out, "ecs.version", kEcsVersion);
    put(out, "message", message_of(native));
    add_event(out, native);
    add_observer(out, native);
    add_network(out, native);
    add_endpoint(out, "source", native, "src");
    add_endpoint(out, "destination", native, "dst");
    add_nat(out, native);
    add_container(out, native);
    add_process(out, native);
    copy(out, "rule.name", native, "rule.name");
    copy(out, "rule.reference", native, "rule.source");
    add_related(out);
    add_own(out, native);
    return out;
}

}  // namespace portlid::sink
