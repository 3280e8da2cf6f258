// SPDX-License-Identifier: Apache-2.0
#include "app/config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "abi/maps.h"
#include "app/config_values.hpp"
#include "base/text.hpp"
#include "history/store.hpp"
#include "policy/document.hpp"
#include "policy/reader.hpp"
#include "policy/source_file.hpp"
#include "policy/values.hpp"

namespace portlid::app {

namespace {

using policy::MapReader;
using policy::quote;
using policy::Report;
using policy::YamlNode;

void check_size(const YamlNode* node, std::string_view what, Report& report) {
    if (node != nullptr) static_cast<void>(read_size(*node, what, report));
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

Config take_config(const YamlNode& root, Report& report) {
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
    config.sinks = read_sinks(top.find("sinks"), report);
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

tl::unexpected<Error> refused_by(Report& report) {
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
        config = take_config(*root, report);
    if (report.has_errors()) return refused_by(report);
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
