// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include <algorithm>

#include "event/build.hpp"
#include "event/parts.hpp"

namespace portlid::event {
namespace {

constexpr std::size_t kBusiestSources = 10;

bool has_ports(std::uint8_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

Json endpoint_json(const IpAddress& address, HostPort port, std::uint8_t protocol) {
    Json json = {{"ip", address.to_string()}};
    if (has_ports(protocol)) json["port"] = port.value;
    return json;
}

Json net_json(const VerdictRecord& record, const VerdictView& view) {
    Json net = {{"family", to_string(record.family)},
                {"transport", protocol_name(record.protocol)},
                {"interface", view.interface_name},
                {"zone", view.zone},
                {"vlan", record.vlan},
                {"bytes", record.length_bytes}};
    if (record.protocol == IPPROTO_ICMP || record.protocol == IPPROTO_ICMPV6)
        net["icmp"] = {{"type", record.destination_port.value >> 8U},
                       {"code", record.destination_port.value & 0xffU}};
    return net;
}

Json target_json(const std::optional<TargetView>& target) {
    if (!target) return nullptr;
    return {{"pid", target->pid != 0 ? Json(target->pid) : Json(nullptr)},
            {"exe", text_or_null(target->exe)},
            {"container", container_json(target->container)},
            {"inner", text_or_null(target->inner)}};
}

// Noise that any public address sees all day, whoever listens.
bool is_noise(reason why) {
    switch (why) {
        case REASON_malformed:
        case REASON_martian:
        case REASON_limited:
        case REASON_fragment_flood:
        case REASON_banned:
        case REASON_denied:
        case REASON_ping_denied:
        case REASON_protocol_denied:
            return true;
        default:
            return false;
    }
}

// One instant is written once: two conversions of it may differ by nanoseconds.
void add_span(Json& body, BootTime first, BootTime last) {
    body["first"] = time_of(first);
    body["last"] = first == last ? body["first"] : Json(time_of(last));
}

std::vector<BusySource> busiest(std::vector<BusySource> sources) {
    const auto kept = std::min(sources.size(), kBusiestSources);
    const auto busier = [](const BusySource& a, const BusySource& b) {
        return a.count != b.count ? a.count > b.count : a.address < b.address;
    };
    std::partial_sort(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(kept),
                      sources.end(), busier);
    sources.resize(kept);
    return sources;
}

}  // namespace

Severity severity_of(reason why, verdict_word verdict, bool has_target) {
    if (verdict == VERDICT_allow) return Severity::Info;
    if (is_noise(why) || !has_target) return Severity::Low;
    // With a listener behind the port, a would_drop is a packet that really arrived.
    return verdict == VERDICT_would_drop ? Severity::High : Severity::Medium;
}

Json verdict_body(const Origin& origin, const VerdictRecord& record, const VerdictView& view) {
    Json body = {{"mode", view.mode},
                 {"verdict", verdict_name(record.verdict)},
                 {"reason", reason_word(record.why)},
                 {"rule", {{"name", view.rule.name}, {"source", view.rule.source}}}};
    add_origin(body, origin, hook_name(record.hook));
    // The generation that judged, which a publish may have replaced since.
    body["sensor"]["generation"] = record.generation;
    body["net"] = net_json(record, view);
    body["src"] = endpoint_json(record.source, record.source_port, record.protocol);
    body["dst"] = endpoint_json(record.destination, record.destination_port, record.protocol);
    body["target"] = target_json(view.target);
    body["count"] = view.count;
    add_span(body, view.first.ns != 0 ? view.first : record.time,
             view.last.ns != 0 ? view.last : record.time);
    return body;
}

Json summary_body(const Origin& origin, const SummaryView& view) {
    Json body = {{"mode", view.mode},
                 {"verdict", verdict_name(view.verdict)},
                 {"reason", reason_word(view.why)}};
    add_origin(body, origin);
    body["net"] = {{"zone", view.zone}};
    body["count"] = view.count;
    body["distinct_sources"] = view.distinct_sources;
    body["distinct_ports"] = view.distinct_ports;
    body["estimates"] = {"distinct_sources", "distinct_ports", "sources"};
    add_span(body, view.first, view.last);
    Json sources = Json::array();
    for (const auto& one : busiest(view.sources))
        sources.push_back({{"ip", one.address.to_string()}, {"count", one.count}});
    body["sources"] = std::move(sources);
    return body;
}

}  // namespace portlid::event
