// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/diff.hpp"

namespace portlid::policy {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxShownRanges = 8;

std::string ports_text(const std::vector<PortRange>& ports) {
    std::string out;
    for (std::size_t i = 0; i < ports.size() && i < kMaxShownRanges; ++i)
        out += (out.empty() ? "" : ", ") + to_string(ports[i]);
    if (ports.size() > kMaxShownRanges)
        out += fmt::format(" and {} more ranges", ports.size() - kMaxShownRanges);
    return out;
}

std::string port_line(const PortChange& change) {
    const auto where = change.address.empty() ? "" : " on " + change.address;
    return fmt::format("{} {}: {}{} {} {} ({} -> {})\n", change.opened ? '+' : '-', change.zone,
                       ports_text(change.ports), where, change.opened ? "opens to" : "closes to",
                       to_string(change.sources), to_string(change.before),
                       to_string(change.after));
}

const char* or_absent(const std::string& value) {
    return value.empty() ? "none" : value.c_str();
}

std::string setting_line(const SettingChange& change) {
    return printable(fmt::format("~ {}: {} -> {}", change.what, or_absent(change.before),
                                 or_absent(change.after))) +
           "\n";
}

Json strings(const std::vector<std::string>& list) {
    auto out = Json::array();
    for (const auto& one : list) out.push_back(printable(one));
    return out;
}

Json port_json(const PortChange& change) {
    auto ports = Json::array();
    for (const auto& range : change.ports) ports.push_back(to_string(range));
    const std::vector<std::string> everybody{"any"};
    const std::vector<std::string> nobody;
    const auto& sources = change.sources;
    return {{"zone", change.zone},
            {"change", change.opened ? "opened" : "closed"},
            {"ports", std::move(ports)},
            {"address", change.address.empty() ? Json() : Json(change.address)},
            {"from", strings(sources.all ? everybody : sources.names)},
            {"except", strings(sources.all ? sources.names : nobody)},
            {"before", to_string(change.before)},
            {"after", to_string(change.after)}};
}

Json settings_json(const std::vector<SettingChange>& changes) {
    auto out = Json::array();
    for (const auto& change : changes)
        out.push_back({{"what", printable(change.what)},
                       {"before", change.before.empty() ? Json() : Json(printable(change.before))},
                       {"after", change.after.empty() ? Json() : Json(printable(change.after))}});
    return out;
}

}  // namespace

std::string diff_text(const PolicyDiff& changes) {
    if (changes.empty()) return "no change: both let the same packets in, in the same modes\n";
    std::string out;
    for (const auto& change : changes.ports) out += port_line(change);
    for (const auto& change : changes.modes) out += setting_line(change);
    for (const auto& change : changes.settings) out += setting_line(change);
    return out;
}

std::string diff_json(const PolicyDiff& changes, const std::string& before,
                      const std::string& after) {
    auto ports = Json::array();
    for (const auto& change : changes.ports) ports.push_back(port_json(change));
    const Json document{{"schema", "portlid.diff/v1"},
                        {"before", printable(before)},
                        {"after", printable(after)},
                        {"changed", !changes.empty()},
                        {"ports", std::move(ports)},
                        {"modes", settings_json(changes.modes)},
                        {"settings", settings_json(changes.settings)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace portlid::policy
