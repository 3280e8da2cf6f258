// SPDX-License-Identifier: Apache-2.0
#include "cli/status_view.hpp"

#include <fmt/format.h>

#include "cli/table.hpp"

namespace portlid::cli {

namespace {

std::string field(const char* name, const std::string& value) {
    return fmt::format("{:<11} {}\n", name, value);
}

Color color_of_mode(const std::string& mode) {
    if (mode == "enforce") return Color::Green;
    return mode == "off" ? Color::Red : Color::Yellow;
}

std::string because(const Json& why) {
    const auto reason = text(why);
    return reason.empty() ? reason : " (" + reason + ")";
}

std::string mode_line(const Json& document, bool color) {
    const auto effective = text(at(document, {"mode", "effective"}), "?");
    const auto requested = text(at(document, {"mode", "requested"}), "?");
    auto line = paint(effective, color_of_mode(effective), color);
    if (requested != effective) line += " (requested " + requested + ")";
    if (flag(at(document, {"mode", "capped"}))) line += " (capped by --mode monitor)";
    const auto& rescue = at(document, {"mode", "rescue"});
    if (rescue.is_object())
        line += "\n" + field("rescue", text(at(rescue, "why"), "?") + ": nothing is dropped") +
                fmt::format("{:<11} next: {}", "", text(at(rescue, "leave"), "?"));
    return line;
}

std::string policy_line(const Json& document) {
    auto line = "generation " + text(at(document, "generation"), "?");
    const auto hash = text(at(document, "policy"));
    if (!hash.empty()) line += ", " + hash.substr(0, 19);
    const auto file = text(at(document, "policy_file"));
    return file.empty() ? line : line + ", " + file;
}

std::string pending_line(const Json& document) {
    const auto& pending = at(document, "pending");
    if (!pending.is_object()) return {};
    return field(
        "pending",
        fmt::format("goes back to generation {} at {} unless confirmed: portlid confirm",
                    text(at(pending, "previous"), "?"), text(at(pending, "deadline"), "?")));
}

std::string left_of(const Json& one) {
    const auto seconds = text(at(one, "remaining_s"));
    const auto hits = fmt::format(", {} hits", number(at(one, "hits")));
    return (seconds.empty() ? ", until ended by hand" : ", " + seconds + " s left") + hits;
}

std::string within(const char* what, const Json& name) {
    const auto word = text(name);
    return word.empty() ? word : std::string(" ") + what + " " + word;
}

// What was changed at run time, one on a line.
std::string overrides(const Json& document) {
    std::string lines;
    const auto add = [&lines](const std::string& line) {
        lines += field(lines.empty() ? "overrides" : "", line);
    };
    const auto& all = at(document, "overrides");
    for (const auto& one : list(at(all, "modes")))
        add("mode " + text(at(one, "mode"), "?") + within("zone", at(one, "zone")) +
            within("rule", at(one, "rule")) + left_of(one));
    for (const auto& one : list(at(all, "allow"))) {
        std::string from;
        for (const auto& source : list(at(one, "from")))
            from += (from.empty() ? " from " : ", ") + text(source);
        add("allow " + text(at(one, "ports"), "?") + from + within("zone", at(one, "zone")) +
            left_of(one));
    }
    for (const auto& one : list(at(all, "sets")))
        add("set " + text(at(one, "change"), "?") + " " + text(at(one, "set"), "?") + " " +
            text(at(one, "member"), "?") + left_of(one));
    for (const auto& one : list(at(all, "labels"))) {
        std::string open;
        for (const auto& port : list(at(one, "open")))
            open += (open.empty() ? "" : ", ") + text(port);
        const auto who = "label of " + text(at(one, "container"), "?") + ": ";
        const auto left = text(at(one, "remaining_s"));
        if (!open.empty())
            add(who + open + (left.empty() ? ", while it runs" : ", " + left + " s left at most"));
        for (const auto& why : list(at(one, "refused"))) add(who + "refused, " + text(why));
    }
    if (const auto bans = number(at(all, "bans")); bans != 0)
        add(fmt::format("{} bans: portlid bans", bans));
    return lines;
}

std::string interfaces(const Json& document, const StatusStyle& style) {
    Table table({{"INTERFACE"},
                 {"ZONE"},
                 {"ATTACH"},
                 {"MODE"},
                 {"SEEN", true},
                 {"PASSED", true},
                 {"WOULD DROP", true},
                 {"DROPPED", true},
                 {"WHY", false, true}});
    for (const auto& one : list(at(document, "interfaces"))) {
        const auto mode = text(at(one, "mode"), "?");
        const auto& packets = at(one, "packets");
        table.add({text(at(one, "name"), "?"), text(at(one, "zone"), "-"),
                   text(at(one, "attach"), "-"), Cell(mode, color_of_mode(mode)),
                   text(at(packets, "seen"), "0"), text(at(packets, "passed"), "0"),
                   text(at(packets, "would_drop"), "0"), text(at(packets, "dropped"), "0"),
                   text(at(one, "why"))});
    }
    if (table.empty()) return "\nno interface has a packet program\n";
    return "\n" + table.aligned(style.color, style.width);
}

std::string reasons(const Json& document, const StatusStyle& style) {
    Table table({{"INTERFACE"}, {"REASON"}, {"PACKETS", true}});
    for (const auto& one : list(at(document, "interfaces"))) {
        const auto& by_reason = at(one, {"packets", "by_reason"});
        if (!by_reason.is_object()) continue;
        for (const auto& [reason, count] : by_reason.items())
            table.add({text(at(one, "name"), "?"), text(Json(reason)), text(count)});
    }
    return table.empty() ? std::string() : "\n" + table.aligned(style.color);
}

// Hooks that are in place on one line, each other one on a line of its own.
std::string hooks(const Json& document, bool color) {
    std::string attached;
    std::string others;
    for (const auto& hook : list(at(document, "hooks"))) {
        const auto name = text(at(hook, "name"), "?");
        const auto state = text(at(hook, "state"), "?");
        if (state == "attached")
            attached += (attached.empty() ? "" : " ") + name;
        else
            others += field(
                "", paint(name + " " + state, Color::Yellow, color) + because(at(hook, "why")));
    }
    return field("hooks", attached.empty() ? "none attached" : attached) + others;
}

std::string replies(const Json& document) {
    const bool table = flag(at(document, {"replies", "flow_table"}));
    const bool conntrack = flag(at(document, {"replies", "conntrack"}));
    return field("replies", fmt::format("flow table {}, conntrack {}", table ? "on" : "off",
                                        conntrack ? "on" : "off"));
}

std::string events(const Json& document, bool color) {
    const auto& lost = at(document, {"events", "lost"});
    std::string causes;
    if (lost.is_object())
        for (const auto& [cause, count] : lost.items())
            if (number(count) != 0)
                causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", text(Json(cause)),
                                      number(count));
    const auto shown =
        causes.empty() ? std::string("none lost") : paint("lost: " + causes, Color::Red, color);
    return field("events", text(at(document, {"events", "emitted"}), "0") + " emitted, " + shown);
}

std::string sinks(const Json& document, bool color) {
    std::string lines;
    for (const auto& sink : list(at(document, "sinks"))) {
        const auto state = text(at(sink, "state"), "?");
        const auto lag = number(at(sink, "lag"));
        auto line = text(at(sink, "name"), "?") + " " +
                    paint(state, state == "up" ? Color::None : Color::Red, color) +
                    because(at(sink, "why"));
        if (lag != 0) line += fmt::format(", {} events behind", lag);
        lines += field(lines.empty() ? "sinks" : "", line);
    }
    return lines;
}

std::string history(const Json& document, bool color) {
    const auto& history = at(document, "history");
    if (!history.is_object()) return {};
    const auto state = text(at(history, "state"), "?");
    auto line =
        paint(state, state == "up" ? Color::None : Color::Red, color) + because(at(history, "why"));
    const auto oldest = text(at(history, "oldest"));
    if (!oldest.empty()) line += ", since " + oldest.substr(0, 19) + "Z";
    line +=
        fmt::format(", {:.1f} MiB", static_cast<double>(number(at(history, "bytes"))) / 1048576);
    if (const auto lost = number(at(history, "lost")); lost != 0)
        line += ", " + paint(fmt::format("{} records lost", lost), Color::Red, color);
    return field("history", line);
}

// The command that promotes a ripe rule; what is missing where it is not ripe.
std::string next_step(const Json& rule) {
    const auto name = text(at(rule, "name"), "?");
    if (text(at(rule, "mode")) != "monitor") return "enforces";
    const auto clean = number(at(rule, "days_clean"));
    const auto needed = number(at(rule, "days_needed"));
    if (flag(at(rule, "ripe"))) {
        const bool words = name.find(' ') != std::string::npos;
        return "sudo portlid mode enforce --rule " + (words ? "'" + name + "'" : name) +
               " --confirm-within 5m";
    }
    if (clean >= needed) return "started with --mode monitor";
    return fmt::format("{} more clean days", needed - clean);
}

std::string rules(const Json& document, const StatusStyle& style) {
    Table table({{"RULE"},
                 {"MODE"},
                 {"CLEAN DAYS", true},
                 {"HITS", true},
                 {"WOULD DROP", true},
                 {"LAST WOULD DROP"},
                 {"NEXT"}});
    for (const auto& rule : list(at(document, "rules"))) {
        const auto last = text(at(rule, "last_would_drop"));
        table.add({text(at(rule, "name"), "?"), text(at(rule, "mode"), "?"),
                   fmt::format("{} of {}", number(at(rule, "days_clean")),
                               number(at(rule, "days_observed"))),
                   text(at(rule, "hits"), "0"), text(at(rule, "would_drops"), "0"),
                   last.empty() ? "-" : last.substr(0, 19) + "Z", next_step(rule)});
    }
    return table.empty() ? std::string() : "\n" + table.aligned(style.color);
}

std::string engines(const Json& document, bool color) {
    std::string lines;
    for (const auto& engine : list(at(document, "engines"))) {
        const bool reachable = flag(at(engine, "reachable"));
        auto line = text(at(engine, "endpoint"), "?") + " ";
        line += reachable ? text(at(engine, "containers"), "0") + " containers"
                          : paint("not reachable", Color::Yellow, color);
        lines += field(lines.empty() ? "engines" : "", line + because(at(engine, "why")));
    }
    return lines;
}

}  // namespace

std::string status_text(const Json& document, const StatusStyle& style) {
    std::string out;
    if (!flag(at(document, "ready"))) out += field("ready", "not yet");
    out += field("mode", mode_line(document, style.color));
    out += field("policy", policy_line(document)) + pending_line(document);
    out += overrides(document) + hooks(document, style.color) + replies(document) +
           events(document, style.color);
    out += sinks(document, style.color) + history(document, style.color);
    out += engines(document, style.color);
    out += interfaces(document, style);
    if (style.wide) out += reasons(document, style) + rules(document, style);
    return out;
}

}  // namespace portlid::cli
