// SPDX-License-Identifier: Apache-2.0
#include "app/status.hpp"

#include "app/version.hpp"
#include "base/text.hpp"
#include "event/decode.hpp"
#include "kernel/vlan_offload.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(printable(text));
}

Json packets(const kernel::InterfaceCounters& counters) {
    std::uint64_t by_verdict[VERDICT_COUNT] = {};
    Json reasons = Json::object();
    for (int why = 0; why < REASON_COUNT; ++why) {
        std::uint64_t total = 0;
        for (int verdict = 0; verdict < VERDICT_COUNT; ++verdict) {
            const auto count =
                counters[static_cast<std::size_t>(why)][static_cast<std::size_t>(verdict)].packets;
            by_verdict[verdict] += count;
            total += count;
        }
        if (total != 0) reasons[event::reason_word(static_cast<reason>(why))] = total;
    }
    const auto passed = by_verdict[VERDICT_allow] + by_verdict[VERDICT_would_drop];
    return {{"seen", passed + by_verdict[VERDICT_drop]},
            {"passed", passed},
            {"dropped", by_verdict[VERDICT_drop]},
            {"would_drop", by_verdict[VERDICT_would_drop]},
            {"by_reason", std::move(reasons)}};
}

Json interface_json(const StatusInput& input, const CoveredInterface& covered) {
    const auto& attached = covered.state.attached;
    const bool tc = attached == kernel::AttachKind::Tc;
    std::string why = covered.state.why;
    if (covered.choice.force_monitor)
        why += (why.empty() ? "" : "; ") + std::string("uncovered: ") + covered.choice.why;
    const auto offload = kernel::strips_vlan_tags(covered.link.name);
    return {{"name", covered.link.name},
            {"ifindex", covered.link.ifindex},
            {"zone", covered.zone},
            {"hook", attached ? Json(tc ? "tc" : "xdp") : Json(nullptr)},
            {"attach", attached ? Json(kernel::to_string(*attached)) : Json(nullptr)},
            {"mode", input.coverage->mode_of(covered)},
            {"why", text_or_null(why)},
            {"chosen_by", covered.choice.why},
            {"egress", covered.state.egress},
            {"rx_vlan_offload", offload ? Json(*offload) : Json(nullptr)},
            {"packets", packets(input.sensor->counters(covered.link.ifindex))}};
}

Json hooks_json(const std::vector<kernel::HookState>& hooks) {
    Json list = Json::array();
    for (const auto& hook : hooks) {
        Json entry{{"name", hook.name}, {"state", hook.state}};
        if (!hook.why.empty()) entry["why"] = printable(hook.why);
        list.push_back(std::move(entry));
    }
    return list;
}

Json sinks_json(const std::vector<sink::SinkState>& sinks) {
    Json list = Json::array();
    for (const auto& sink : sinks)
        list.push_back({{"name", sink.name},
                        {"state", sink.up ? "up" : "down"},
                        {"why", text_or_null(sink.why)},
                        {"lag", sink.lag},
                        {"lost", sink.lost}});
    return list;
}

Json engines_json(const StatusInput& input) {
    Json list = Json::array();
    for (const auto& engine : input.engines)
        list.push_back({{"endpoint", engine->endpoint},
                        {"reachable", engine->reachable},
                        {"containers", engine->containers.size()},
                        {"why", text_or_null(engine->problem)}});
    return list;
}

// A sensor never says `enforce` while some hook only monitors or is not there.
std::string effective_mode(const StatusInput& input) {
    bool enforcing = false;
    for (const auto& [index, covered] : input.coverage->interfaces()) {
        const std::string mode = input.coverage->mode_of(covered);
        if (mode != "enforce") return "monitor";
        enforcing = true;
    }
    return enforcing ? input.policies->effective_mode() : "monitor";
}

}  // namespace

namespace {

// An LRU table does not say what it threw out; it cannot be more than this.
std::uint64_t beyond_room(std::uint64_t inserts, std::uint64_t room) {
    return inserts > room ? inserts - room : 0;
}

// Tables that can run full, and what happened when they did.
Json replies_json(const StatusInput& input) {
    const auto health = input.sensor->health();
    const auto marks = health[HEALTH_asked_first_inserts];
    const auto existing = input.sensor->existing();
    return {
        {"flow_table", !input.options->sockets_only},
        {"conntrack", input.sensor->conntrack_available()},
        {"flows_opened", health[HEALTH_flow_inserts]},
        {"flows_forwarded", health[HEALTH_forwarded_inserts]},
        {"flows_failed", health[HEALTH_flow_insert_failed]},
        {"flows_evicted_at_most", beyond_room(health[HEALTH_flow_inserts], FLOW_SLOTS)},
        {"forwarded_evicted_at_most", beyond_room(health[HEALTH_forwarded_inserts], FLOW_SLOTS)},
        {"asked_first_marks", marks},
        {"asked_first_overflow", beyond_room(marks, ASKED_FIRST_SLOTS)},
        {"existing",
         {{"seeded", existing.kept},
          {"overflow", existing.overflow},
          {"why", text_or_null(input.policies->seed_problem())}}}};
}

Json limits_json(const StatusInput& input) {
    const auto health = input.sensor->health();
    return {{"forgotten", health[HEALTH_limit_forgotten]},
            {"crowded", health[HEALTH_limit_crowded]}};
}

}  // namespace

Json status(const StatusInput& input) {
    Json interfaces = Json::array();
    for (const auto& [index, covered] : input.coverage->interfaces())
        interfaces.push_back(interface_json(input, covered));
    const auto lost = input.emitter->lost();
    return {{"schema", "portlid.status/v1"},
            {"version", kVersion},
            {"ready", input.ready},
            {"mode",
             {{"requested", input.policies->requested_mode()},
              {"effective", effective_mode(input)},
              {"capped", input.policies->capped()}}},
            {"generation", input.policies->generation()},
            {"policy", input.policies->compiled().hash},
            {"policy_file", input.policies->file().string()},
            {"pending", input.rollout->pending_json()},
            {"overrides", input.rollout->overrides_json()},
            {"interfaces", std::move(interfaces)},
            {"hooks", hooks_json(input.sensor->hooks())},
            {"replies", replies_json(input)},
            {"limits", limits_json(input)},
            {"events",
             {{"emitted", input.emitter->sinks().emitted()},
              {"lost", {{"ring", lost.ring}, {"queue", lost.queue}, {"spool", lost.spool}}}}},
            {"engines", engines_json(input)},
            {"sinks", sinks_json(input.emitter->sinks().states())}};
}

}  // namespace portlid::app
