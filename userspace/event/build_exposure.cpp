// SPDX-License-Identifier: Apache-2.0
#include "event/build.hpp"
#include "event/build_owner.hpp"
#include "event/parts.hpp"

namespace portlid::event {
namespace {

Json holder_json(const std::optional<HolderProcess>& holder) {
    if (!holder) return nullptr;
    return {{"pid", holder->pid},
            {"exe", text_or_null(holder->exe)},
            {"comm", text_or_null(holder->comm)},
            {"user", text_or_null(holder->user)},
            {"unit", text_or_null(holder->unit)},
            {"container", container_json(holder->container)}};
}

Json reach_json(const std::vector<ReachView>& reach) {
    Json json = Json::array();
    for (const auto& one : reach)
        json.push_back({{"zone", one.zone}, {"now", one.now}, {"enforced", one.enforced}});
    return json;
}

}  // namespace

Severity severity_of(Kind kind, const ExposureView& view) {
    if (kind == Kind::ExposureClosed || view.verdict != "exposed") return Severity::Info;
    return Severity::High;
}

Json exposure_body(const Origin& origin, const ExposureView& view) {
    Json body;
    add_origin(body, origin);
    body["transport"] = transport_name(view.protocol);
    body["family"] = to_string(view.family);
    body["address"] = view.address ? Json(view.address->to_string()) : Json(nullptr);
    body["port"] = view.port.value;
    body["netns"] = view.netns;
    body["preexisting"] = view.preexisting;
    body["published"] = view.published ? published_json(*view.published) : Json(nullptr);
    body["holder"] = holder_json(view.holder);
    body["ufw"] = text_or_null(view.ufw);
    body["service"] = text_or_null(view.service);
    body["reach"] = reach_json(view.reach);
    body["verdict"] = view.verdict;
    if (!view.previous_verdict.empty()) body["previous"] = {{"verdict", view.previous_verdict}};
    return body;
}

Json owner_lost_body(const Origin& origin, const OwnerLostView& view) {
    Json body;
    add_origin(body, origin);
    body["transport"] = transport_name(view.protocol);
    body["family"] = to_string(view.address.family());
    body["address"] = view.address.to_string();
    body["port"] = view.port.value;
    body["service"] = text_or_null(view.rule);
    body["reason"] = "owner_absent";
    body["owner"] = view.owner;
    body["why"] = view.why;
    body["holder"] = holder_json(view.holder);
    body["previous"] = {{"holder", holder_json(view.previous)}};
    return body;
}

}  // namespace portlid::event
