// SPDX-License-Identifier: Apache-2.0
#include "inventory/audit_json.hpp"

#include "event/decode.hpp"

namespace portlid::inventory {

namespace {

using Json = nlohmann::ordered_json;

void put(Json& where, const char* name, const std::string& text) {
    if (!text.empty()) where[name] = text;
}

Json where_json(const Finding& finding) {
    Json where = Json::object();
    if (finding.protocol) {
        where["transport"] = event::protocol_name(*finding.protocol);
        where["port"] = finding.port.value;
        if (finding.last_port != finding.port) where["last_port"] = finding.last_port.value;
    }
    if (finding.address) {
        where["family"] = to_string(finding.address->family());
        where["address"] = finding.address->to_string();
    }
    put(where, "holder", finding.holder);
    put(where, "container", finding.container);
    put(where, "interface", finding.interface_name);
    put(where, "service", finding.service);
    if (!finding.zones.empty()) where["zones"] = finding.zones;
    return where;
}

Json finding_json(const Finding& finding) {
    return {{"id", finding_id(finding.kind)},
            {"name", to_string(finding.kind)},
            {"severity", event::to_string(finding.severity)},
            {"what", finding.what},
            {"where", where_json(finding)},
            {"why", finding.why},
            {"fix", finding.fix},
            {"key", finding.key}};
}

}  // namespace

Json audit_document(const std::vector<Finding>& findings) {
    Json list = Json::array();
    Json summary = {{"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}, {"info", 0}};
    for (const auto& finding : findings) {
        list.push_back(finding_json(finding));
        auto& count = summary[event::to_string(finding.severity)];
        count = count.get<unsigned>() + 1;
    }
    return {{"schema", "portlid.audit/v1"}, {"summary", summary}, {"findings", list}};
}

}  // namespace portlid::inventory
