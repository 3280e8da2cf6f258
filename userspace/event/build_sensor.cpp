// SPDX-License-Identifier: Apache-2.0
#include "event/build.hpp"
#include "event/parts.hpp"

namespace portlid::event {
namespace {

Json interfaces_json(const std::vector<AttachedInterface>& interfaces) {
    Json list = Json::array();
    for (const auto& one : interfaces)
        list.push_back({{"name", one.name},
                        {"zone", text_or_null(one.zone)},
                        {"attach", text_or_null(one.attach)},
                        {"mode", one.mode},
                        {"why", text_or_null(one.why)}});
    return list;
}

Json with_origin(const Origin& origin) {
    Json body;
    add_origin(body, origin);
    return body;
}

Json error_json(const PolicyError& error) {
    return {{"file", error.file},
            {"line", error.line},
            {"column", error.column},
            {"message", error.message},
            {"hint", text_or_null(error.hint)}};
}

}  // namespace

Json policy_loaded_body(const Origin& origin, const std::string& file, const std::string& mode,
                        std::uint64_t previous_generation) {
    Json body = with_origin(origin);
    body["policy"] = {{"file", file},
                      {"hash", text_or_null(origin.policy_hash)},
                      {"generation", origin.generation},
                      {"previous", previous_generation},
                      {"mode", mode}};
    return body;
}

Json policy_rejected_body(const Origin& origin, const std::string& file,
                          const std::vector<PolicyError>& errors) {
    Json body = with_origin(origin);
    Json list = Json::array();
    for (const auto& error : errors) list.push_back(error_json(error));
    body["policy"] = {{"file", file}, {"generation", origin.generation}};
    body["errors"] = std::move(list);
    return body;
}

Json policy_rolled_back_body(const Origin& origin, std::uint64_t from_generation,
                             const std::string& why) {
    Json body = with_origin(origin);
    body["policy"] = {{"from", from_generation}, {"generation", origin.generation}};
    body["why"] = why;
    return body;
}

Json mode_changed_body(const Origin& origin, const std::string& scope, const std::string& from,
                       const std::string& to, const std::string& why) {
    Json body = with_origin(origin);
    body["mode"] = {{"scope", scope}, {"from", from}, {"to", to}};
    body["why"] = why;
    return body;
}

Json ban_body(const Origin& origin, const BanView& ban) {
    Json body = with_origin(origin);
    body["ban"] = {{"source", ban.source},
                   {"until", ban.until ? Json(to_rfc3339(*ban.until)) : Json(nullptr)},
                   {"reason", text_or_null(ban.reason)},
                   {"hits", ban.hits}};
    return body;
}

Json coverage_body(const Origin& origin, const std::string& interface_name, const std::string& zone,
                   const std::string& attach, const std::string& why) {
    Json body = with_origin(origin);
    body["net"] = {{"interface", interface_name}, {"zone", text_or_null(zone)}};
    body["attach"] = attach;
    body["why"] = text_or_null(why);
    return body;
}

Json container_synced_body(const Origin& origin, const std::string& endpoint,
                           std::size_t containers, const std::string& problem) {
    Json body = with_origin(origin);
    body["engine"] = {
        {"endpoint", endpoint}, {"containers", containers}, {"problem", text_or_null(problem)}};
    return body;
}

Json sensor_started_body(const Origin& origin, const std::string& requested_mode,
                         const std::string& effective_mode,
                         const std::vector<AttachedInterface>& interfaces) {
    Json body = with_origin(origin);
    body["mode"] = {{"requested", requested_mode}, {"effective", effective_mode}};
    body["interfaces"] = interfaces_json(interfaces);
    return body;
}

Json sensor_stopped_body(const Origin& origin, const std::string& why, bool kept) {
    Json body = with_origin(origin);
    body["why"] = why;
    body["on_exit"] = kept ? "keep" : "detach";
    return body;
}

Json sensor_degraded_body(const Origin& origin, const std::string& what, const std::string& why,
                          const std::string& advice) {
    Json body = with_origin(origin);
    body["what"] = what;
    body["why"] = why;
    body["advice"] = text_or_null(advice);
    return body;
}

Json sensor_gap_body(const Origin& origin, const std::string& cause, std::uint64_t count,
                     WallTime since) {
    Json body = with_origin(origin);
    body["gap"] = {{"cause", cause}, {"count", count}, {"since", to_rfc3339(since)}};
    return body;
}

Json sensor_heartbeat_body(const Origin& origin, std::uint64_t emitted, const LostCounts& lost,
                           const std::vector<AttachedInterface>& interfaces) {
    Json body = with_origin(origin);
    body["events"] = {
        {"emitted", emitted},
        {"lost", {{"ring", lost.ring}, {"queue", lost.queue}, {"spool", lost.spool}}}};
    body["interfaces"] = interfaces_json(interfaces);
    return body;
}

}  // namespace portlid::event
