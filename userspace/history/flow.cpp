// SPDX-License-Identifier: Apache-2.0
#include "history/flow.hpp"

#include <netinet/in.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace portlid::history {

namespace {

using FlowJson = nlohmann::ordered_json;

// TCP whose beginning we did not see, or whose holder we do not know, has to show more.
constexpr std::uint64_t kConvincingAcks = 3;

template <class Unit>
std::int64_t whole(WallTime time) {
    return std::chrono::floor<Unit>(time.time_since_epoch()).count();
}

WallTime time_of(std::int64_t ns) {
    return WallTime(std::chrono::nanoseconds(ns));
}

FlowJson target_json(const Target& target) {
    return {{"container_id", target.container_id},
            {"container", target.container},
            {"image", target.image},
            {"project", target.project},
            {"service", target.service},
            {"exe", target.exe}};
}

std::shared_ptr<const Target> target_of(const FlowJson& json) {
    auto target = std::make_shared<Target>();
    target->container_id = json.value("container_id", "");
    target->container = json.value("container", "");
    target->image = json.value("image", "");
    target->project = json.value("project", "");
    target->service = json.value("service", "");
    target->exe = json.value("exe", "");
    return target;
}

Flow read(const FlowJson& json) {
    Flow flow;
    flow.source = IpAddress::parse(json.at("source").get<std::string>()).value_or(IpAddress());
    flow.destination =
        IpAddress::parse(json.at("destination").get<std::string>()).value_or(IpAddress());
    flow.zone = json.at("zone").get<std::string>();
    flow.interface_name = json.at("interface").get<std::string>();
    flow.protocol = json.at("protocol").get<std::uint8_t>();
    flow.port = {json.at("port").get<std::uint16_t>()};
    flow.verdict = static_cast<verdict_word>(json.at("verdict").get<int>());
    flow.why = static_cast<reason>(json.at("reason").get<int>());
    flow.rule = json.at("rule").get<std::string>();
    flow.rule_source = json.at("rule_source").get<std::string>();
    flow.generation = json.at("generation").get<std::uint64_t>();
    flow.destination_kind = json.at("destination_kind").get<std::string>();
    flow.listener = json.at("listener").get<bool>();
    flow.target = target_of(json.at("target"));
    flow.first = time_of(json.at("first_ns").get<std::int64_t>());
    flow.last = time_of(json.at("last_ns").get<std::int64_t>());
    flow.packets = json.at("packets").get<std::uint64_t>();
    flow.syns = json.at("syns").get<std::uint64_t>();
    flow.acks = json.at("acks").get<std::uint64_t>();
    return flow;
}

}  // namespace

std::int64_t hour_of(WallTime time) {
    return whole<std::chrono::hours>(time);
}

std::int64_t day_of(WallTime time) {
    return whole<std::chrono::days>(time);
}

std::string to_line(const Flow& flow) {
    const FlowJson json = {{"source", flow.source.to_string()},
                           {"zone", flow.zone},
                           {"interface", flow.interface_name},
                           {"protocol", flow.protocol},
                           {"port", flow.port.value},
                           {"verdict", static_cast<int>(flow.verdict)},
                           {"reason", static_cast<int>(flow.why)},
                           {"rule", flow.rule},
                           {"rule_source", flow.rule_source},
                           {"generation", flow.generation},
                           {"destination", flow.destination.to_string()},
                           {"destination_kind", flow.destination_kind},
                           {"listener", flow.listener},
                           {"target", target_json(*flow.target)},
                           {"first_ns", flow.first.time_since_epoch().count()},
                           {"last_ns", flow.last.time_since_epoch().count()},
                           {"packets", flow.packets},
                           {"syns", flow.syns},
                           {"acks", flow.acks}};
    return json.dump(-1, ' ', false, FlowJson::error_handler_t::replace);
}

std::optional<Flow> flow_of(const std::string& line) {
    try {
        const auto json = FlowJson::parse(line, nullptr, false);
        if (!json.is_object()) return std::nullopt;
        return read(json);
    } catch (const FlowJson::exception&) {
        return std::nullopt;
    }
}

bool is_use(const Flow& flow) {
    if (flow.protocol == IPPROTO_UDP) return flow.listener && flow.packets >= 2;
    if (flow.protocol != IPPROTO_TCP) return flow.packets >= 2;
    if (flow.acks >= kConvincingAcks) return true;
    return flow.listener && flow.syns >= 1 && flow.acks >= 1;
}

}  // namespace portlid::history
