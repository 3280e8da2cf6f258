// SPDX-License-Identifier: Apache-2.0
#include "event/build.hpp"
#include "event/parts.hpp"

namespace portlid::event {

Kind kind_of(const SocketRecord& record) {
    switch (record.kind) {
        case EVENT_listen:
            return Kind::SocketListen;
        case EVENT_close:
            return Kind::SocketClose;
        case EVENT_refused:
            return Kind::SocketRefused;
        default:
            return Kind::SocketBind;
    }
}

Severity severity_of(const SocketRecord& record, const SocketView& view) {
    if (record.kind == EVENT_refused) return Severity::Medium;
    if (record.kind == EVENT_close || !view.scope) return Severity::Info;
    // A bound TCP socket answers nobody yet; its listen event follows.
    const bool answers = record.kind == EVENT_listen || record.socket.protocol == 17;
    if (!answers) return Severity::Info;
    if (*view.scope == Scope::Public) return Severity::Medium;
    return *view.scope == Scope::Zone ? Severity::Low : Severity::Info;
}

Json socket_json(const SocketFacts& socket) {
    Json json = {{"family", to_string(socket.family)},
                 {"transport", transport_name(socket.protocol)},
                 {"address", socket.address.to_string()},
                 {"port", socket.port.value},
                 {"requested_port", socket.requested_port.value},
                 {"backlog", socket.backlog},
                 {"cookie", socket.cookie},
                 {"reuseport", socket.reuseport},
                 {"v6only", socket.v6only}};
    if (socket.mptcp) json["mptcp"] = true;
    return json;
}

Json process_json(const TaskFacts& task, const ProcessView& view) {
    if (task.pid == 0) return nullptr;
    return {{"pid", task.pid},
            {"ppid", task.ppid},
            {"exe", text_or_null(view.exe)},
            {"comm", task.comm},
            {"uid", task.uid},
            {"user", text_or_null(view.user)},
            {"start", time_of(task.started)}};
}

Json socket_body(const Origin& origin, const SocketRecord& record, const SocketView& view) {
    Json body;
    add_origin(body, origin);
    body["process"] = process_json(record.task, view.process);
    body["container"] = container_json(view.container);
    body["cgroup"] = view.cgroup.empty() ? record.task.cgroup_name : view.cgroup;
    if (record.kind == EVENT_refused) {
        body["mode"] = record.socket.would_refuse ? "monitor" : "enforce";
        body["verdict"] = record.socket.would_refuse ? "would_refuse" : "refused";
    }
    body["netns"] = view.netns != 0 ? view.netns : record.socket.netns;
    body["socket"] = socket_json(record.socket);
    Json published = Json::array();
    for (const auto& one : view.published) published.push_back(published_json(one));
    body["exposure"] = {{"scope", view.scope ? Json(to_string(*view.scope)) : Json(nullptr)},
                        {"published", std::move(published)}};
    return body;
}

}  // namespace portlid::event
