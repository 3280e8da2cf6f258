// SPDX-License-Identifier: Apache-2.0
#include "cli/event_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/rfc3339.hpp"
#include "base/text.hpp"

namespace portlid::cli {

namespace {

// Local time for people, to the millisecond.
std::string clock_text(const Json& event) {
    const auto time = event_time(event);
    if (!time) return text(at(event, "time"), "?");
    const auto total = time->time_since_epoch().count();
    const auto seconds = static_cast<std::time_t>(total / 1'000'000'000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:03}", local.tm_hour, local.tm_min, local.tm_sec,
                       total % 1'000'000'000 / 1'000'000);
}

std::string endpoint_text(const Json& end) {
    const auto ip = text(at(end, "ip"), "?");
    const auto port = text(at(end, "port"));
    if (port.empty()) return ip;
    return ip.find(':') == std::string::npos ? ip + ":" + port : "[" + ip + "]:" + port;
}

std::string container_text(const Json& container) {
    const auto name = text(at(container, "name"));
    return name.empty() ? text(at(container, "id")).substr(0, 12) : name;
}

std::string who(const Json& process, const Json& container) {
    std::string name = text(at(process, "exe"));
    if (name.empty()) name = text(at(process, "comm"), "?");
    const auto pid = text(at(process, "pid"));
    if (!pid.empty()) name += " (pid " + pid + ")";
    const auto inside = container_text(container);
    return inside.empty() ? name : name + " in " + inside;
}

std::string target_text(const Json& event) {
    const auto& target = at(event, "target");
    if (!target.is_object()) return {};
    const auto container = container_text(at(target, "container"));
    const auto inner = text(at(target, "inner"));
    const auto name = container.empty() ? text(at(target, "exe")) : container;
    if (name.empty() && inner.empty()) return {};
    return " for " + name + (inner.empty() ? "" : " (" + inner + ")");
}

Color verdict_color(const std::string& verdict) {
    if (verdict == "drop") return Color::Green;
    return verdict == "would_drop" ? Color::Yellow : Color::None;
}

std::string verdict_text(const Json& event, bool color) {
    const auto verdict = text(at(event, "verdict"), "?");
    auto line = paint(verdict, verdict_color(verdict), color) + " " +
                endpoint_text(at(event, "src")) + " -> " + endpoint_text(at(event, "dst")) + "/" +
                text(at(event, {"net", "transport"}), "?") + target_text(event);
    line += fmt::format("  {}, {} ({})", text(at(event, "reason"), "?"),
                        text(at(event, {"rule", "name"}), "?"),
                        text(at(event, {"rule", "source"}), "?"));
    line += "  " + text(at(event, {"net", "interface"}), "?") + "/" +
            text(at(event, {"net", "zone"}), "?");
    const auto count = number(at(event, "count"));
    return count > 1 ? line + fmt::format("  x{}", count) : line;
}

std::string summary_text(const Json& event, bool color) {
    const auto verdict = text(at(event, "verdict"), "?");
    auto line =
        fmt::format("{} {} packets, {}, zone {}, about {} sources and {} ports",
                    paint(verdict, verdict_color(verdict), color), number(at(event, "count")),
                    text(at(event, "reason"), "?"), text(at(event, {"net", "zone"}), "?"),
                    number(at(event, "distinct_sources")), number(at(event, "distinct_ports")));
    const auto& sources = list(at(event, "sources"));
    if (!sources.empty())
        line += fmt::format(", most from {} ({})", text(at(sources.front(), "ip"), "?"),
                            number(at(sources.front(), "count")));
    return line;
}

std::string socket_text(const Json& event) {
    const auto& socket = at(event, "socket");
    const Json end = {{"ip", text(at(socket, "address"), "?")},
                      {"port", text(at(socket, "port"), "?")}};
    auto line = endpoint_text(end) + "/" + text(at(socket, "transport"), "?") + " by " +
                who(at(event, "process"), at(event, "container"));
    const auto scope = text(at(event, {"exposure", "scope"}));
    return scope.empty() ? line : line + "  scope " + scope;
}

std::string exposure_text(const Json& event, bool color) {
    const Json end = {{"ip", text(at(event, "address"), "*")},
                      {"port", text(at(event, "port"), "?")}};
    const auto verdict = text(at(event, "verdict"), "?");
    auto line = endpoint_text(end) + "/" + text(at(event, "transport"), "?") + " " +
                paint(verdict, verdict == "exposed" ? Color::Red : Color::None, color);
    const auto before = text(at(event, {"previous", "verdict"}));
    if (!before.empty()) line += " (was " + before + ")";
    const auto& holder = at(event, "holder");
    if (holder.is_object()) line += "  held by " + who(holder, at(holder, "container"));
    const auto ufw = text(at(event, "ufw"));
    return ufw.empty() ? line : line + "  ufw " + ufw;
}

// Kinds without a sentence of their own: their fields, less those that every event has.
std::string plain_text(const Json& event) {
    constexpr std::array<std::string_view, 9> kEnvelope = {
        "v", "id", "rev", "seq", "time", "kind", "severity", "host", "sensor"};
    std::string line;
    for (const auto& [key, value] : event.items()) {
        if (std::find(kEnvelope.begin(), kEnvelope.end(), key) != kEnvelope.end()) continue;
        if (value.is_null()) continue;
        const auto shown =
            value.is_structured()
                ? printable(value.dump(-1, ' ', false, Json::error_handler_t::replace))
                : text(value);
        line += (line.empty() ? "" : "  ") + printable(key, 64) + " " + shown;
    }
    return line;
}

std::string gap_text(const Json& event, bool color) {
    const auto& gap = at(event, "gap");
    return paint(fmt::format("{} events lost ({}) since {}", number(at(gap, "count")),
                             text(at(gap, "cause"), "?"), text(at(gap, "since"), "?")),
                 Color::Red, color);
}

std::string sentence(const Json& event, const std::string& kind, bool color) {
    if (kind == "net.verdict") return verdict_text(event, color);
    if (kind == "net.summary") return summary_text(event, color);
    if (kind == "sensor.gap") return gap_text(event, color);
    if (kind.rfind("socket.", 0) == 0) return socket_text(event);
    if (kind.rfind("exposure.", 0) == 0) return exposure_text(event, color);
    return plain_text(event);
}

Color severity_color(const std::string& severity) {
    if (severity == "high" || severity == "critical") return Color::Red;
    return severity == "info" ? Color::Dim : Color::None;
}

// Where containers stand in the kinds of events.
std::vector<const Json*> containers_of(const Json& event) {
    return {&at(event, "container"), &at(event, {"target", "container"}),
            &at(event, {"holder", "container"})};
}

bool is_container(const std::string& wanted, const Json& container) {
    if (!container.is_object()) return false;
    const auto id = text(at(container, "id"));
    return glob_match(wanted, text(at(container, "name"))) ||
           wanted == text(at(container, {"compose", "service"})) ||
           (wanted.size() >= 4 && id.rfind(wanted, 0) == 0);
}

bool any_container(const std::string& wanted, const Json& event) {
    const auto all = containers_of(event);
    return std::any_of(all.begin(), all.end(),
                       [&](const Json* one) { return is_container(wanted, *one); });
}

template <class Test>
bool none_or_any(const std::vector<std::string>& wanted, Test test) {
    return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), test);
}

}  // namespace

std::optional<WallTime> event_time(const Json& event) {
    return parse_rfc3339(text(at(event, "time")));
}

int rank_of(std::string_view severity) {
    const auto found = std::find(kSeverities.begin(), kSeverities.end(), severity);
    return found == kSeverities.end() ? 0 : static_cast<int>(found - kSeverities.begin());
}

bool matches(const EventFilter& filter, const Json& event) {
    if (filter.since) {
        const auto time = event_time(event);
        if (!time || *time < *filter.since) return false;
    }
    const auto kind = text(at(event, "kind"));
    const auto verdict = text(at(event, "verdict"));
    if (rank_of(text(at(event, "severity"))) < rank_of(filter.severity)) return false;
    return none_or_any(filter.kinds, [&](const auto& one) { return glob_match(one, kind); }) &&
           none_or_any(filter.verdicts, [&](const auto& one) { return one == verdict; }) &&
           none_or_any(filter.containers,
                       [&](const auto& one) { return any_container(one, event); });
}

std::string event_line(const Json& event, bool color) {
    const auto kind = text(at(event, "kind"), "?");
    const auto severity = text(at(event, "severity"), "?");
    const auto shade = severity_color(severity);
    return clock_text(event) + " " + paint(fmt::format("{:<8}", severity), shade, color) + " " +
           fmt::format("{:<15}", kind) + " " + sentence(event, kind, color);
}

Table event_table() {
    return Table({{"TIME"},
                  {"SEQ"},
                  {"KIND"},
                  {"SEVERITY"},
                  {"VERDICT"},
                  {"REASON"},
                  {"SRC"},
                  {"DST"},
                  {"TRANSPORT"},
                  {"CONTAINER"},
                  {"COUNT"}});
}

std::vector<Cell> event_row(const Json& event) {
    std::string container;
    for (const auto* one : containers_of(event))
        if (container.empty()) container = container_text(*one);
    const auto side = [&](const char* name) {
        const auto& end = at(event, name);
        return end.is_object() ? endpoint_text(end) : std::string();
    };
    return {text(at(event, "time")),
            text(at(event, "seq")),
            text(at(event, "kind")),
            text(at(event, "severity")),
            text(at(event, "verdict")),
            text(at(event, "reason")),
            side("src"),
            side("dst"),
            text(at(event, {"net", "transport"})),
            container,
            text(at(event, "count"))};
}

}  // namespace portlid::cli
