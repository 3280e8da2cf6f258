// SPDX-License-Identifier: Apache-2.0
// Open Cybersecurity Schema Framework 1.8.0: network activity 4001, detection finding 2004, device
// config state change 5019, application lifecycle 6002. What has no attribute stands under
// `unmapped` with its native name. The table is in ../README.md.
#include <algorithm>
#include <array>

#include "base/sha256.hpp"
#include "sink/encode/fields.hpp"

namespace portlid::sink {

namespace {

enum OcsfClass : int { Network = 4001, Finding = 2004, Config = 5019, Lifecycle = 6002 };

OcsfClass class_of(const std::string& family) {
    if (family == "net" || family == "socket") return Network;
    if (family == "exposure" || family == "tamper") return Finding;
    return family == "sensor" || family == "container" ? Lifecycle : Config;
}

int network_activity(const std::string& kind, const std::string& verdict) {
    if (kind == "socket.close") return 2;
    if (kind == "socket.refused" || verdict == "drop") return 5;
    return kind.rfind("socket.", 0) == 0 ? 7 : 1;
}

int activity_of(OcsfClass one, const Json& native) {
    const auto kind = text_at(native, "kind");
    switch (one) {
        case Network:
            return network_activity(kind, text_at(native, "verdict"));
        case Finding:
            return kind == "exposure.changed" ? 2 : kind == "exposure.closed" ? 3 : 1;
        case Config:
            return 1;
        case Lifecycle:
            return kind == "sensor.started" ? 3 : kind == "sensor.stopped" ? 4 : 99;
    }
    return 0;
}

const char* activity_name(OcsfClass one, int activity) {
    constexpr std::array<const char*, 8> kNetwork = {"Unknown", "Open",   "Close",   "Reset",
                                                     "Fail",    "Refuse", "Traffic", "Listen"};
    constexpr std::array<const char*, 4> kFinding = {"Unknown", "Create", "Update", "Close"};
    if (one == Network) return kNetwork[static_cast<std::size_t>(activity)];
    if (one == Finding) return kFinding[static_cast<std::size_t>(activity)];
    if (one == Config) return "Log";
    return activity == 3 ? "Start" : activity == 4 ? "Stop" : "Other";
}

void add_base(Json& out, OcsfClass one, const Json& native) {
    const int activity = activity_of(one, native);
    put(out, "activity_id", activity);
    put(out, "activity_name", activity_name(one, activity));
    put(out, "category_uid", one / 1000);
    put(out, "class_uid", static_cast<int>(one));
    put(out, "type_uid", one * 100 + activity);
    put(out, "severity_id", severity_number(native));
    copy(out, "severity", native, "severity");
    put(out, "time", milliseconds(at(native, "time")));
    put(out, "start_time", milliseconds(at(native, "first")));
    put(out, "end_time", milliseconds(at(native, "last")));
    copy(out, "count", native, "count");
    put(out, "message", message_of(native));
    put(out, "status_id", text_at(native, "kind") == "policy.rejected" ? 2 : 1);
    copy(out, "status_detail", native, "reason");
}

// From 1.7 `uid` is the record's own name and `original_event_uid` the source's: here the same.
void add_metadata(Json& out, const Json& native) {
    put(out, "metadata.version", kOcsfVersion);
    put(out, "metadata.product.name", "portlid");
    put(out, "metadata.product.vendor_name", "Portlid");
    copy(out, "metadata.product.version", native, "sensor.version");
    copy(out, "metadata.uid", native, "id");
    copy(out, "metadata.original_event_uid", native, "id");
    copy(out, "metadata.sequence", native, "seq");
    copy(out, "metadata.event_code", native, "kind");
    copy(out, "metadata.original_time", native, "time");
    put(out, "metadata.log_name", "portlid");
    put(out, "metadata.profiles", Json::array({"host", "container", "security_control"}));
}

void add_device(Json& out, const Json& native) {
    put(out, "device.type_id", 1);  // Server
    copy(out, "device.hostname", native, "host.name");
    copy(out, "device.uid", native, "host.boot_id");
}

void add_ocsf_endpoint(Json& out, const std::string& to, const Json& native,
                       const std::string& from) {
    copy(out, to + ".ip", native, from + ".ip");
    copy(out, to + ".port", native, from + ".port");
}

void add_connection(Json& out, const Json& native) {
    const auto& socket = at(native, "socket");
    const auto& from = socket.is_object() ? socket : at(native, "net");
    const auto family = text_at(from, "family");
    put(out, "connection_info.direction_id", 1);
    copy(out, "connection_info.protocol_name", from, "transport");
    const int number = protocol_number(text_at(from, "transport"));
    if (number >= 0) put(out, "connection_info.protocol_num", number);
    if (family == "ipv4" || family == "ipv6")
        put(out, "connection_info.protocol_ver_id", family == "ipv6" ? 6 : 4);
    copy(out, "traffic.bytes", native, "net.bytes");
    // An endpoint needs a name or address: the port of a hidden one stays under `unmapped`.
    if (at(native, "src.ip").is_string()) add_ocsf_endpoint(out, "src_endpoint", native, "src");
    add_ocsf_endpoint(out, "dst_endpoint", native, "dst");
    copy(out, "dst_endpoint.interface_name", native, "net.interface");
    copy(out, "dst_endpoint.zone", native, "net.zone");
    copy(out, "dst_endpoint.ip", socket, "address");
    copy(out, "dst_endpoint.port", socket, "port");
    // One of the two is required, with a name or address of its own; a summary over many has none.
    const auto& to = at(out, "dst_endpoint");
    const bool named = to.is_object() && (to.contains("ip") || to.contains("interface_name"));
    if (!named && (to.is_object() || !out.contains("src_endpoint")))
        copy(out, "dst_endpoint.hostname", native, "host.name");
}

void add_verdict(Json& out, const Json& native) {
    const auto verdict = text_at(native, "verdict");
    const bool refused = text_at(native, "kind") == "socket.refused";
    if (verdict == "drop" || refused) {
        put(out, "action_id", 2);
        put(out, "disposition_id", refused ? 2 : 6);  // Blocked, Dropped: silently
    } else if (verdict == "would_drop") {
        put(out, "action_id", 3);  // Observed
        put(out, "disposition_id", 15);
    } else if (verdict == "allow") {
        put(out, "action_id", 1);
        put(out, "disposition_id", 1);
    }
    copy(out, "firewall_rule.name", native, "rule.name");
    copy(out, "firewall_rule.match_location", native, "rule.source");
}

Json container_json(const Json& native) {
    const auto& container = container_of(native);
    Json out;
    copy(out, "uid", container, "id");
    copy(out, "name", container, "name");
    copy(out, "image.name", container, "image");
    if (!out.is_null() && out.contains("image")) put(out, "image.uid", at(container, "image"));
    return out;
}

// Null where nobody knows the process.
Json process_json(const Json& native) {
    const char* from = at(native, "process").is_object()  ? "process"
                       : at(native, "target").is_object() ? "target"
                                                          : "holder";
    const auto& process = at(native, from);
    if (!at(process, "pid").is_number()) return nullptr;
    Json out;
    copy(out, "pid", process, "pid");
    copy(out, "name", process, "comm");
    copy(out, "file.path", process, "exe");
    if (out.contains("file")) {
        const auto path = text_at(process, "exe");
        put(out, "file.name", path.substr(path.rfind('/') + 1));
        put(out, "file.type_id", 1);
    }
    copy(out, "user.name", process, "user");
    if (at(process, "uid").is_number()) put(out, "user.uid", at(process, "uid").dump());
    put(out, "parent_process.pid", at(process, "ppid"));
    put(out, "container", container_json(native));
    return out;
}

// The same exposure has the same name for as long as it lives, and after.
std::string finding_uid(const Json& native) {
    std::string key = text_at(native, "host.name");
    for (const auto* path : {"netns", "transport", "family", "address", "port", "what"})
        key += "|" + at(native, path).dump(-1, ' ', true, Json::error_handler_t::replace);
    return sha256(key).substr(7, 32);
}

void add_finding(Json& out, const Json& native) {
    put(out, "finding_info.uid", finding_uid(native));
    put(out, "finding_info.title", message_of(native));
    put(out, "finding_info.last_seen_time", milliseconds(at(native, "time")));
    put(out, "is_alert",
        text_at(native, "verdict") == "exposed" || text_at(native, "kind") == "tamper.detected");
    const auto process = process_json(native);
    if (!process.is_null()) put(out, "evidences", Json::array({{{"process", process}}}));
}

void add_observables(Json& out) {
    Json list = Json::array();
    for (const auto* path : {"src_endpoint.ip", "dst_endpoint.ip"})
        if (at(out, path).is_string())
            list.push_back({{"name", path}, {"type_id", 2}, {"value", at(out, path)}});
    if (!list.empty()) put(out, "observables", std::move(list));
}

void add_unmapped(Json& out, const Json& native) {
    constexpr std::array<std::string_view, 11> kMapped = {
        "v", "id", "seq", "time", "kind", "severity", "first", "last", "count", "host", "reason"};
    for (const auto& [key, value] : native.items())
        if (std::find(kMapped.begin(), kMapped.end(), key) == kMapped.end() && !value.is_null())
            out["unmapped"][own_name(key, native)] = value;
}

}  // namespace

Json ocsf_document(const Json& native) {
    const auto one = class_of(family_of_kind(native));
    Json out = Json::object();
    add_base(out, one, native);
    add_metadata(out, native);
    add_device(out, native);
    add_verdict(out, native);
    if (one == Network) {
        add_connection(out, native);
        const auto process = process_json(native);
        put(out, process.is_null() ? "dst_endpoint.container" : "actor.process",
            process.is_null() ? container_json(native) : process);
    }
    if (one == Finding) add_finding(out, native);
    if (one == Config) put(out, "state_id", 99);
    if (one == Lifecycle) {
        put(out, "app.name", "portlid");
        put(out, "app.vendor_name", "Portlid");
        copy(out, "app.version", native, "sensor.version");
    }
    add_observables(out);
    add_unmapped(out, native);
    return out;
}

}  // namespace portlid::sink
