// SPDX-License-Identifier: Apache-2.0
#include "app/answers.hpp"

#include "app/answer_text.hpp"
#include "app/explain.hpp"
#include "app/metrics.hpp"
#include "app/status.hpp"
#include "base/text.hpp"
#include "inventory/audit_json.hpp"
#include "inventory/ports_json.hpp"

namespace portlid::app {

Answers::Answers(const RunOptions& options, PolicyStore& policies, Rollout& rollout,
                 Coverage& coverage, Observer& observer, Emitter& emitter, kernel::Sensor& sensor,
                 Ledger& ledger)
    : options_(options),
      policies_(policies),
      rollout_(rollout),
      coverage_(coverage),
      observer_(observer),
      emitter_(emitter),
      sensor_(sensor),
      ledger_(ledger),
      verification_(options, policies, coverage, sensor),
      history_(ledger) {}

std::string Answers::ports() {
    observer_.invalidate();  // UFW's files may have changed; nobody tells
    return inventory::ports_document(observer_.exposures(true));
}

nlohmann::ordered_json Answers::audit() {
    observer_.invalidate();
    inventory::AuditInput input{.exposures = &observer_.exposures(true),
                                .policy = &policies_.model(),
                                .engines = observer_.engines(),
                                .unfiltered = coverage_.unfiltered(),
                                .raw = inventory::raw_uses()};
    return inventory::audit_document(inventory::audit(input));
}

nlohmann::ordered_json Answers::status_document() {
    return status({.ready = ready_,
                   .options = &options_,
                   .policies = &policies_,
                   .rollout = &rollout_,
                   .coverage = &coverage_,
                   .sensor = &sensor_,
                   .emitter = &emitter_,
                   .ledger = &ledger_,
                   .engines = observer_.engines(),
                   .nat = observer_.nat()});
}

control::Response Answers::get(const control::Request& request) {
    if (request.path == "/v1/ports") return {200, ports()};
    if (request.path == "/v1/audit") return {200, one_line(audit()) + "\n"};
    if (request.path == "/v1/explain") return explain_answer(request);
    if (request.path == "/v1/verify") return verification_.answer(request);
    if (request.path == "/v1/status") return {200, one_line(status_document())};
    if (request.path == "/metrics")
        return {200, metrics_text(status_document()), "text/plain; version=0.0.4"};
    if (request.path == "/v1/history") return history_.answer(request);
    if (request.path == "/v1/policy") return {200, one_line(rollout_.policy()) + "\n"};
    if (request.path == "/v1/generations") return {200, one_line(rollout_.generations()) + "\n"};
    if (request.path == "/v1/bans") return {200, one_line(rollout_.bans()) + "\n"};
    if (request.path == "/v1/sets") {
        const auto sets = rollout_.sets(request.asked("name"));
        if (!sets) return control::error_response(400, sets.error());
        return {200, one_line(*sets) + "\n"};
    }
    return control::not_built_response(request.path);
}

control::Response Answers::post(const control::Request& request) {
    return rollout_.post(request);
}

Result<const CoveredInterface*> Answers::choose_interface(const std::string& name) const {
    for (const auto& [index, covered] : coverage_.interfaces())
        if (name.empty() || covered.link.name == name) return &covered;
    if (name.empty()) return nullptr;
    return fail("no packet program covers interface '" + printable(name, 64) + "'",
                "portlid status");
}

control::Response Answers::explain_answer(const control::Request& request) {
    const auto question = parse_question(request.asked("source"), request.asked("destination"));
    if (!question) return control::error_response(400, question.error());
    const auto covered = choose_interface(request.asked("interface"));
    if (!covered) return control::error_response(400, covered.error());
    const auto ufw = inventory::Ufw::read();
    ExplainContext context{.policy = &policies_.model(),
                           .compiled = &policies_.compiled(),
                           .tables = coverage_.tables(),
                           .attached = *covered != nullptr,
                           .ufw = &ufw};
    if (*covered != nullptr) {
        context.zone = (*covered)->choice.zone;
        context.interface_name = (*covered)->link.name;
        context.addresses = (*covered)->link.addresses;
        context.force_monitor = (*covered)->choice.force_monitor;
        context.attached = (*covered)->state.attached.has_value();
    }
    if (!observer_.engines().empty()) context.engine = observer_.engines().front();
    context.nat = observer_.nat();
    return {200, one_line(explain(context, *question))};
}

std::vector<std::string> Answers::events_after(std::uint64_t& after, const control::Request&) {
    std::vector<std::string> lines;
    for (auto& [seq, line] : emitter_.sinks().recent(after)) {
        after = seq;
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string Answers::gap_line(std::uint64_t count) {
    auto gap =
        event::make_event(event::Kind::SensorGap, event::severity_of(event::Kind::SensorGap));
    gap.body = event::sensor_gap_body(emitter_.origin(), "queue", count, wall_now());
    return event::to_json_line(gap);
}

}  // namespace portlid::app
