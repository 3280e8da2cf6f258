// SPDX-License-Identifier: Apache-2.0
#include "app/config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>
#include <set>

#include "abi/maps.h"
#include "base/text.hpp"
#include "history/store.hpp"
#include "policy/document.hpp"
#include "policy/reader.hpp"
#include "policy/source_file.hpp"
#include "policy/values.hpp"
#include "sink/sink.hpp"

namespace portlid::app {

namespace {

using policy::MapReader;
using policy::quote;
using policy::Report;
using policy::YamlNode;

void not_built(const YamlNode& node, std::string_view what, Report& report, std::string hint) {
    report.error(node.place, fmt::format("{} is not built yet in this version", what),
                 std::move(hint));
}

// "100MiB"; whole numbers of bytes, KiB, MiB, GiB or TiB.
std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t amount = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, amount);
    if (error != std::errc()) return std::nullopt;
    const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
    constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
    const auto* const found = std::find(std::begin(kUnits), std::end(kUnits), unit);
    if (found == std::end(kUnits)) return std::nullopt;
    const auto shift = static_cast<unsigned>(10 * (found - std::begin(kUnits)));
    if (amount > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
    return amount << shift;
}

void check_size(const YamlNode* node, std::string_view what, Report& report) {
    if (node == nullptr) return;
    const auto text = policy::read_text(*node, what, report);
    if (text && !parse_size(*text))
        report.error(node->place, fmt::format("{} {} is not a size", what, quote(*text)),
                     "write 512KiB, 100MiB or 1GiB");
}

void check_duration(const YamlNode* node, std::string_view what, Report& report) {
    if (node != nullptr) static_cast<void>(policy::read_duration(*node, what, report));
}

std::optional<std::uint64_t> read_count(const YamlNode& node, std::string_view what,
                                        Report& report) {
    const auto text = policy::read_text(node, what, report);
    if (!text) return std::nullopt;
    std::uint32_t value = 0;
    const auto* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error == std::errc() && stop == end) return value;
    report.error(node.place, fmt::format("{} {} is not a number", what, quote(*text)),
                 "write a whole number");
    return std::nullopt;
}

void check_rotate(const YamlNode* node, Report& report) {
    if (node == nullptr) return;
    const MapReader rotate(*node, "`rotate`", {"size", "keep"}, report);
    if (!rotate.ok()) return;
    check_size(rotate.find("size"), "`rotate.size`", report);
    if (const auto* keep = rotate.find("keep")) read_count(*keep, "`rotate.keep`", report);
    not_built(*node, "`rotate`", report, "leave it away and use logrotate with SIGHUP");
}

void check_spool(const YamlNode* node, Report& report) {
    if (node == nullptr) return;
    const MapReader spool(*node, "`spool`", {"bytes", "age"}, report);
    if (!spool.ok()) return;
    check_size(spool.find("bytes"), "`spool.bytes`", report);
    check_duration(spool.find("age"), "`spool.age`", report);
    not_built(*node, "`spool`", report, "leave it away: 4 MiB are queued in memory");
}

// The keys of a sink that belong to transports of a later version.
void check_later_keys(const MapReader& sink, Report& report) {
    check_rotate(sink.find("rotate"), report);
    check_spool(sink.find("spool"), report);
    for (const auto* key : {"ca", "cert", "key"}) {
        const auto* node = sink.find(key);
        if (node == nullptr || !policy::read_text(*node, fmt::format("`{}`", key), report))
            continue;
        not_built(*node, fmt::format("`{}`", key), report,
                  "leave it away: TLS sinks come with the SIEM exports");
    }
    if (const auto* kinds = sink.find("kinds")) {
        policy::read_list(*kinds, "`kinds`", true, report, [&](const YamlNode& item) {
            static_cast<void>(policy::read_text(item, "a kind", report));
        });
        not_built(*kinds, "`kinds`", report, "leave it away: the sink gets every event");
    }
}

std::string spec_of(const YamlNode* to, const YamlNode* format, Report& report) {
    if (to == nullptr) return {};
    const auto target = policy::read_text(*to, "`to`", report);
    if (!target) return {};
    std::string spec = *target;
    if (format != nullptr) {
        const auto word = policy::read_text(*format, "`format`", report);
        if (word) spec += "?format=" + *word;
    }
    const auto usable = sink::check_sink(spec);
    if (!usable) report.error(to->place, usable.error().message, usable.error().hint);
    return spec;
}

SinkConfig read_sink(const YamlNode& node, Report& report) {
    const MapReader sink(node, "a sink",
                         {"name", "to", "format", "rotate", "kinds", "spool", "ca", "cert", "key"},
                         report);
    if (!sink.ok()) return {};
    SinkConfig config;
    if (const auto* name = sink.need("name"))
        config.name = policy::read_text(*name, "the sink's name", report).value_or("");
    config.spec = spec_of(sink.need("to"), sink.find("format"), report);
    check_later_keys(sink, report);
    return config;
}

void read_sinks(const YamlNode* node, Config& config, Report& report) {
    if (node == nullptr) return;
    std::set<std::string> names;
    policy::read_list(*node, "`sinks`", true, report, [&](const YamlNode& item) {
        auto sink = read_sink(item, report);
        if (!sink.name.empty() && !names.insert(sink.name).second)
            report.error(item.place, fmt::format("the sink {} is there twice", quote(sink.name)),
                         "give each sink its own name");
        config.sinks.push_back(std::move(sink));
    });
}

void read_engines(const YamlNode* node, Config& config, Report& report) {
    if (node == nullptr) return;
    config.engines_given = true;
    policy::read_list(*node, "`engines`", true, report, [&](const YamlNode& item) {
        const auto text = policy::read_text(item, "an engine", report);
        if (!text) return;
        if (text->rfind("unix:///", 0) != 0)
            report.error(item.place, fmt::format("the engine {} is no unix socket", quote(*text)),
                         "write unix:///run/docker.sock");
        config.engines.push_back(*text);
    });
}

void read_history(const YamlNode* node, HistoryConfig& config, Report& report) {
    if (node == nullptr) return;
    const MapReader history(*node, "`history`", {"age", "bytes"}, report);
    if (!history.ok()) return;
    if (const auto* age = history.find("age")) {
        const auto length = policy::read_duration(*age, "`history.age`", report);
        if (length && *length < std::chrono::hours(1))
            report.error(age->place, "`history.age` is less than an hour", "write 1h, 7d or 30d");
        if (length) config.age = *length;
    }
    const auto* bytes = history.find("bytes");
    check_size(bytes, "`history.bytes`", report);
    if (bytes == nullptr || report.has_errors()) return;
    const auto size = parse_size(policy::read_text(*bytes, "`history.bytes`", report).value_or(""));
    if (!size || *size < history::kLeastBytes)
        report.error(bytes->place, "`history.bytes` is less than 1MiB", "write 64MiB or 512MiB");
    else
        config.bytes = *size;
}

void refuse_other(const YamlNode& node, std::string_view what, std::string_view fixed,
                  Report& report) {
    report.error(node.place, fmt::format("{} is fixed at {} in this version", what, fixed),
                 "leave it away");
}

// The kernel program is built with the contract's own values.
void check_events(const YamlNode* node, Report& report) {
    if (node == nullptr) return;
    const MapReader events(*node, "`events`", {"window", "first", "first_per_source"}, report);
    if (!events.ok()) return;
    if (const auto* window = events.find("window")) {
        const auto length = policy::read_duration(*window, "`events.window`", report);
        const std::chrono::nanoseconds fixed(EVENT_WINDOW_NS);
        if (length && *length != fixed)
            refuse_other(*window, "`events.window`", policy::duration_text(fixed), report);
    }
    const std::pair<const char*, std::uint64_t> counts[] = {
        {"first", EVENT_WINDOW_BUDGET}, {"first_per_source", EVENT_SOURCE_BUDGET}};
    for (const auto& [key, fixed] : counts) {
        const auto* count = events.find(key);
        if (count == nullptr) continue;
        const auto what = fmt::format("`events.{}`", key);
        const auto value = read_count(*count, what, report);
        if (value && *value != fixed) refuse_other(*count, what, std::to_string(fixed), report);
    }
}

Config read_config(const YamlNode& root, Report& report) {
    Config config;
    const MapReader top(root, "the configuration",
                        {"version", "sinks", "engines", "history", "events"}, report);
    if (!top.ok()) return config;
    if (const auto* version = top.need("version")) {
        const auto number = read_count(*version, "`version`", report);
        if (number && *number != 1)
            report.error(version->place, "this version of portlid reads version 1 only",
                         "write `version: 1`");
    }
    read_sinks(top.find("sinks"), config, report);
    read_engines(top.find("engines"), config, report);
    read_history(top.find("history"), config.history, report);
    check_events(top.find("events"), report);
    return config;
}

std::string line_of(const policy::Diagnostic& diagnostic) {
    auto line = policy::to_string(diagnostic);
    if (!diagnostic.hint.empty()) line += " (" + diagnostic.hint + ")";
    return line;
}

tl::unexpected<Error> refused(Report& report) {
    std::string all;
    for (const auto& diagnostic : report.take()) {
        if (diagnostic.warning) continue;
        if (!all.empty()) all += "\n";
        all += line_of(diagnostic);
    }
    return fail(std::move(all), "correct the file, or name another with --config", ExitCode::Usage);
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& name) {
    Report report;
    Config config;
    if (const auto root = policy::parse_document(text, name, report); root && !report.has_errors())
        config = read_config(*root, report);
    if (report.has_errors()) return refused(report);
    return config;
}

Result<Config> load_config(const std::filesystem::path& path, bool required) {
    struct stat facts {};
    if (!required && ::stat(path.c_str(), &facts) != 0 && errno == ENOENT) return Config{};
    const auto text = policy::read_source(path, policy::kMaxPolicyBytes, true);
    if (!text) {
        auto error = text.error();
        error.code = error.code == ExitCode::Failed ? ExitCode::Usage : error.code;
        return pass_on(std::move(error), printable(path.string()));
    }
    return parse_config(*text, path.string());
}

}  // namespace portlid::app
