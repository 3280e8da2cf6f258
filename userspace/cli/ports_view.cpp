// SPDX-License-Identifier: Apache-2.0
#include "cli/ports_view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace portlid::cli {

namespace {

constexpr std::size_t kShortId = 12;

std::string upper(std::string word) {
    for (auto& c : word)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return word;
}

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::string short_id(const std::string& id) {
    return id.substr(0, kShortId);
}

std::string container_name(const Json& holder) {
    const auto& container = at(holder, "container");
    const auto name = text(at(container, "name"));
    return name.empty() ? short_id(text(at(container, "id"))) : name;
}

std::string holder_name(const Json& holder) {
    if (const auto container = container_name(holder); !container.empty()) return container;
    const auto exe = text(at(holder, "exe"));
    return exe.empty() ? text(at(holder, "comm"), "-") : base_name(exe);
}

std::string bind_text(const Json& item) {
    const auto address = text(at(item, "address"), "*");
    const bool bracket = address.find(':') != std::string::npos;
    const auto port = text(at(item, "port"), "?");
    return bracket ? "[" + address + "]:" + port : address + ":" + port;
}

bool is_reachable(const Json& item) {
    const auto& zones = list(at(item, "reach"));
    return std::any_of(zones.begin(), zones.end(),
                       [](const Json& zone) { return text(at(zone, "now")) != "closed"; });
}

// UFW refuses the port and the packet gets in all the same: the reason for this program.
bool bypasses_ufw(const Json& item) {
    const auto ufw = text(at(item, "ufw"));
    return (ufw == "deny" || ufw == "reject") && is_reachable(item);
}

std::string reach_text(const Json& item) {
    std::string zones;
    for (const auto& zone : list(at(item, "reach"))) {
        const auto now = text(at(zone, "now"));
        if (now == "closed") continue;
        zones += (zones.empty() ? "" : ", ") + text(at(zone, "zone"), "?");
        if (now == "restricted") zones += " (some)";
    }
    if (zones.empty()) {
        if (text(at(item, "verdict")) == "unused") return "-";
        return flag(at(item, "host_netns")) ? "this host" : "its container";
    }
    return bypasses_ufw(item) ? zones + " (bypass)" : zones;
}

std::string ufw_text(const Json& item) {
    const auto word = text(at(item, "ufw"), "absent");
    return word == "absent" ? "-" : word == "inactive" ? word : upper(word);
}

Cell verdict_cell(const Json& item) {
    const auto word = text(at(item, "verdict"), "?");
    if (word == "exposed") return {upper(word), Color::Red};
    if (word == "closed") return {word, Color::Green};
    return {word, word == "unused" ? Color::Dim : Color::None};
}

std::string inner_text(const Json& item) {
    const auto& published = at(item, "published");
    if (!published.is_object()) return "-";
    const auto port = text(at(published, "container_port"), "?");
    return flag(at(published, "proxy")) ? port + " (proxy)" : port;
}

void add_wide_cells(const Json& item, std::vector<Cell>& row) {
    const auto& holder = at(item, "holder");
    const auto& container = at(holder, "container");
    const auto& binder = at(item, "binder");
    row.emplace_back(text(at(holder, "pid"), "-"));
    row.emplace_back(text(at(holder, "exe"), "-"));
    row.emplace_back(text(at(holder, "user"), "-"));
    row.emplace_back(text(at(holder, "unit"), "-"));
    row.emplace_back(short_id(text(at(container, "id"), "-")));
    row.emplace_back(text(at(container, "image"), "-"));
    row.emplace_back(inner_text(item));
    row.emplace_back(binder.is_object() ? holder_name(binder) : "-");
    row.emplace_back(text(at(item, "netns"), "-"));
    row.emplace_back(text(at(item, "since"), "-"));
}

std::vector<Column> columns(bool wide) {
    std::vector<Column> all = {{"HOST BIND"},
                               {"PROTO"},
                               {"HOLDER", false, true},
                               {"UFW SAYS"},
                               {"REACHABLE FROM", false, true},
                               {"POLICY", false, true},
                               {"VERDICT"}};
    if (!wide) return all;
    for (const auto* title : {"PID", "EXE", "USER", "UNIT", "CONTAINER", "IMAGE", "INNER PORT",
                              "BINDER", "NETNS", "SINCE"})
        all.push_back({title});
    return all;
}

// A socket that only its own container's network can see is noise beside what is published.
bool is_shown(const Json& item, bool all) {
    const auto& host = at(item, "host_netns");
    return all || !host.is_boolean() || host.get<bool>() || text(at(item, "verdict")) != "ok";
}

std::string some_of(std::size_t count, const char* what) {
    return count == 0 ? std::string() : fmt::format("{} {}, ", count, what);
}

}  // namespace

Table ports_table(const Json& document, const PortsStyle& style) {
    Table table(columns(style.wide));
    for (const auto& item : list(at(document, "items"))) {
        if (!is_shown(item, style.all)) continue;
        std::vector<Cell> row = {bind_text(item),
                                 text(at(item, "transport"), "?"),
                                 holder_name(at(item, "holder")),
                                 ufw_text(item),
                                 reach_text(item),
                                 text(at(item, "service"), "-"),
                                 verdict_cell(item)};
        if (style.wide) add_wide_cells(item, row);
        table.add(std::move(row));
    }
    return table;
}

std::string ports_summary(const Json& document, const PortsStyle& style) {
    std::size_t exposed = 0, closed = 0, ok = 0, unused = 0, hidden = 0;
    const Json* example = nullptr;
    for (const auto& item : list(at(document, "items"))) {
        const auto verdict = text(at(item, "verdict"));
        if (!is_shown(item, style.all)) {
            ++hidden;
            continue;
        }
        if (verdict == "exposed" && (example == nullptr || bypasses_ufw(item))) example = &item;
        ++(verdict == "exposed"  ? exposed
           : verdict == "closed" ? closed
           : verdict == "unused" ? unused
                                 : ok);
    }
    auto counts = some_of(exposed, "exposed") + some_of(closed, "closed") + some_of(ok, "ok") +
                  some_of(unused, "unused");
    if (counts.empty()) counts = "nothing listens, ";
    std::string line = counts.substr(0, counts.size() - 2) + ".";
    if (example != nullptr)
        line += fmt::format("  Why: portlid explain any to :{}/{}", text(at(*example, "port")),
                            text(at(*example, "transport")));
    if (hidden != 0) line += fmt::format("  {} inside containers: portlid ports --all", hidden);
    return line + "\n";
}

}  // namespace portlid::cli
