// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "learn/learn.hpp"
#include "policy/load.hpp"
#include "policy/show.hpp"

namespace portlid::learn {

namespace {

using Json = nlohmann::ordered_json;

std::string seconds(WallTime time) {
    auto text = to_rfc3339(time);
    return text.substr(0, text.find('.')) + "Z";
}

std::string holder(const history::Target& target) {
    if (!target.container_id.empty()) {
        const auto name =
            target.container.empty() ? target.container_id.substr(0, 12) : target.container;
        return "container " + name + (target.image.empty() ? "" : " (" + target.image + ")");
    }
    return target.exe.empty() ? "no known holder" : target.exe;
}

// Each line a comment; the marked text came from others and is made printable.
std::string evidence_comment(const LearntService& learnt, const std::string& zone) {
    const auto& evidence = learnt.evidence;
    auto out = fmt::format("  # {} to {}: {} packets of {} source{}; {}\n", seconds(evidence.first),
                           seconds(evidence.last), evidence.packets, evidence.sources,
                           evidence.sources == 1 ? "" : "s", printable(holder(*evidence.target)));
    const auto port = learnt.service.ports.front();
    const policy::PortRange one{port.protocol, port.first_host, port.first_host};
    for (const auto& source : evidence.some_sources)
        out += fmt::format("  # - {{ from: {}, to: {}, zone: {}, expect: allow }}\n",
                           source.to_string(), policy::to_string(one), zone);
    if (evidence.sources > evidence.some_sources.size())
        out += fmt::format("  # and {} more sources\n",
                           evidence.sources - evidence.some_sources.size());
    return out;
}

std::string head_comment(const Learnt& learnt, WallTime since, WallTime now) {
    auto out = fmt::format(
        "# Learnt by portlid from what came in between {} and {}: {} services.\n"
        "# A source that tried {} or more ports without using them is a scanner, a first packet\n"
        "# without a second is no use: {} scanners and {} probes were left out.\n",
        seconds(since), seconds(now), learnt.services.size(), kScannerPorts, learnt.scanners_total,
        learnt.probes);
    for (const auto& scanner : learnt.scanners)
        out += fmt::format("#   {}: {} ports\n", scanner.source, scanner.ports);
    return out + "# Next: portlid plan FILE --replay 7d; portlid apply FILE --confirm-within 5m\n";
}

policy::Policy model_of(const policy::Policy& in_force, const Learnt& learnt) {
    auto policy = in_force;
    policy.services.clear();
    policy.tests.clear();
    for (const auto& one : learnt.services) policy.services.push_back(one.service);
    for (auto& zone : policy.zones) {
        zone.forced = {};
        if (learnt.zones.contains(zone.name)) zone.default_action = policy::Action::Drop;
    }
    if (learnt.pinged) policy.ping = policy::Action::Allow;
    std::set<std::uint8_t> protocols(policy.protocols.begin(), policy.protocols.end());
    protocols.insert(learnt.protocols.begin(), learnt.protocols.end());
    policy.protocols.assign(protocols.begin(), protocols.end());
    return policy;
}

Json service_json(const LearntService& learnt) {
    const auto& service = learnt.service;
    const auto& evidence = learnt.evidence;
    Json ports = Json::array();
    for (const auto& range : service.ports) ports.push_back(policy::to_string(range));
    Json some = Json::array();
    for (const auto& source : evidence.some_sources)
        some.push_back(source_prefix(source).to_string());
    const auto& target = *evidence.target;
    return {{"name", service.name},
            {"ports", std::move(ports)},
            {"from", service.from_any ? Json(nullptr) : Json(service.from_text)},
            {"zones", service.zones},
            {"first", to_rfc3339(evidence.first)},
            {"last", to_rfc3339(evidence.last)},
            {"packets", evidence.packets},
            {"sources", evidence.sources},
            {"some_sources", std::move(some)},
            {"container", target.container.empty() ? Json(nullptr) : Json(target.container)},
            {"image", target.image.empty() ? Json(nullptr) : Json(target.image)},
            {"exe", target.exe.empty() ? Json(nullptr) : Json(target.exe)}};
}

}  // namespace

Result<std::string> policy_text(const policy::Policy& in_force, const Learnt& learnt,
                                WallTime since, WallTime now) {
    auto text = policy::show(model_of(in_force, learnt));
    for (const auto& one : learnt.services) {
        const auto line = "  - name: \"" + one.service.name + "\"\n";
        const auto at = text.find(line);
        const auto zone =
            one.service.zones.empty() ? in_force.zones.front().name : one.service.zones.front();
        if (at != std::string::npos) text.insert(at, evidence_comment(one, zone));
    }
    text.insert(0, head_comment(learnt, since, now));
    const auto loaded = policy::load_text(text, "the learnt policy", ".");
    if (loaded.ok()) return text;
    std::string why;
    for (const auto& found : loaded.diagnostics)
        if (!found.warning) why += (why.empty() ? "" : "; ") + policy::to_string(found);
    return fail("what was learnt makes no policy: " + why, "portlid policy show FILE");
}

std::string learn_json(const Learnt& learnt, const std::string& policy_text, WallTime since) {
    Json services = Json::array();
    for (const auto& one : learnt.services) services.push_back(service_json(one));
    Json scanners = Json::array();
    for (const auto& one : learnt.scanners)
        scanners.push_back({{"source", one.source}, {"ports", one.ports}});
    const Json document = {
        {"schema", "portlid.learn/v1"},    {"since", to_rfc3339(since)},
        {"flows", learnt.flows},           {"services", std::move(services)},
        {"scanners", std::move(scanners)}, {"scanners_total", learnt.scanners_total},
        {"probes", learnt.probes},         {"policy", policy_text}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace portlid::learn
