// SPDX-License-Identifier: Apache-2.0
// `sinks:` of portlid.yaml.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <span>

#include "app/config_values.hpp"
#include "base/text.hpp"
#include "policy/reader.hpp"
#include "policy/values.hpp"
#include "sink/filter.hpp"

namespace portlid::app {

namespace {

using policy::MapReader;
using policy::quote;
using policy::Report;
using policy::YamlNode;

constexpr std::uint64_t kLeastSpool = 1ULL << 20U;
// Keys that not every sink takes.
constexpr std::array<std::string_view, 8> kSomeSinks = {"rotate", "spool",  "ca",    "cert",
                                                        "key",    "preset", "index", "token"};

constexpr std::array<std::string_view, 24> kKinds = {
#define PORTLID_KIND(name, text) text,
    PORTLID_KINDS(PORTLID_KIND)
#undef PORTLID_KIND
};

void refuse(const YamlNode& node, const Error& error, Report& report) {
    report.error(node.place, error.message, error.hint);
}

// A word of the sink room, by its parser.
template <class T>
void read_one(const YamlNode* node, const char* what, Result<T> (*parse)(const std::string&),
              T& into, Report& report) {
    if (node == nullptr) return;
    const auto text = policy::read_text(*node, what, report);
    if (!text) return;
    const auto value = parse(*text);
    if (value)
        into = *value;
    else
        refuse(*node, value.error(), report);
}

void read_rotate(const YamlNode* node, sink::Rotation& into, Report& report) {
    if (node == nullptr) return;
    const MapReader rotate(*node, "`rotate`", {"size", "keep"}, report);
    if (!rotate.ok()) return;
    if (const auto* size = rotate.need("size")) {
        into.bytes = read_size(*size, "`rotate.size`", report).value_or(1);
        if (into.bytes == 0) report.error(size->place, "`rotate.size` is nothing", "write 100MiB");
    }
    const auto* keep = rotate.find("keep");
    if (keep == nullptr) return;
    const auto count = read_count(*keep, "`rotate.keep`", report);
    if (count && *count > 1000)
        report.error(keep->place, "`rotate.keep` is above 1000", "write a smaller number");
    into.keep = static_cast<std::uint32_t>(count.value_or(into.keep));
}

void read_spool(const YamlNode* node, sink::SpoolLimits& into, Report& report) {
    if (node == nullptr) return;
    const MapReader spool(*node, "`spool`", {"bytes", "age"}, report);
    if (!spool.ok()) return;
    into.given = true;
    if (const auto* bytes = spool.find("bytes")) {
        into.bytes = read_size(*bytes, "`spool.bytes`", report).value_or(into.bytes);
        if (into.bytes < kLeastSpool)
            report.error(bytes->place, "`spool.bytes` is below 1MiB", "write 256MiB");
    }
    const auto* age = spool.find("age");
    if (age == nullptr) return;
    into.age = policy::read_duration(*age, "`spool.age`", report).value_or(into.age);
    if (into.age < std::chrono::seconds(1))
        report.error(age->place, "`spool.age` keeps nothing", "write 1h, 24h or 7d");
}

// A glob that no kind matches is a typing error, and a sink that stays silent.
void read_kinds(const YamlNode* node, std::vector<std::string>& into, Report& report) {
    if (node == nullptr) return;
    policy::read_list(*node, "`kinds`", false, report, [&](const YamlNode& item) {
        const auto glob = policy::read_text(item, "a kind", report);
        if (!glob) return;
        const bool any = std::any_of(kKinds.begin(), kKinds.end(),
                                     [&](auto kind) { return glob_match(*glob, kind); });
        if (!any) {
            const auto near = nearest(*glob, kKinds);
            report.error(item.place, fmt::format("no event kind matches {}", quote(*glob)),
                         near.empty() ? "write net.*, exposure.* or sensor.gap"
                                      : "did you mean `" + near + "`?");
        }
        into.push_back(*glob);
    });
}

void read_redact(const YamlNode* node, std::vector<std::string>& into, Report& report) {
    if (node == nullptr) return;
    policy::read_list(*node, "`redact`", true, report, [&](const YamlNode& item) {
        const auto path = policy::read_text(item, "a field", report);
        if (!path) return;
        if (const auto known = sink::check_redact(*path); !known)
            refuse(item, known.error(), report);
        into.push_back(*path);
    });
}

void read_files(const MapReader& map, sink::SinkSpec& spec, Report& report) {
    const std::pair<const char*, std::string*> keys[] = {{"ca", &spec.ca},
                                                         {"cert", &spec.cert},
                                                         {"key", &spec.key},
                                                         {"token", &spec.token},
                                                         {"index", &spec.index}};
    for (const auto& [key, into] : keys)
        if (const auto* node = map.find(key))
            *into = policy::read_text(*node, fmt::format("`{}`", key), report).value_or("");
}

std::optional<sink::SinkSpec> read_target(const YamlNode* to, Report& report) {
    if (to == nullptr) return std::nullopt;
    const auto target = policy::read_text(*to, "`to`", report);
    if (!target) return std::nullopt;
    auto spec = sink::parse_spec(*target);
    if (spec) return std::move(*spec);
    refuse(*to, spec.error(), report);
    return std::nullopt;
}

void read_words(const MapReader& map, sink::SinkSpec& spec, Report& report) {
    if (const auto* name = map.need("name"))
        spec.name = policy::read_text(*name, "the sink's name", report).value_or("");
    read_one(map.find("format"), "`format`", &sink::parse_format, spec.format, report);
    read_one(map.find("preset"), "`preset`", &sink::parse_preset, spec.preset, report);
    read_one(map.find("severity"), "`severity`", &sink::parse_severity, spec.severity, report);
    read_rotate(map.find("rotate"), spec.rotate, report);
    read_spool(map.find("spool"), spec.spool, report);
    read_kinds(map.find("kinds"), spec.kinds, report);
    read_redact(map.find("redact"), spec.redact, report);
    read_files(map, spec, report);
}

// Where the key stands that says nothing to this sink.
void check_keys(const MapReader& map, const sink::SinkSpec& spec, Report& report) {
    std::vector<std::string_view> given;
    std::copy_if(kSomeSinks.begin(), kSomeSinks.end(), std::back_inserter(given),
                 [&](auto key) { return map.find(key) != nullptr; });
    if (const auto wrong = sink::find_misfit(spec, given)) {
        const auto* node = map.find(wrong->key);
        refuse(node != nullptr ? *node : *map.find("to"), wrong->error, report);
    }
}

// A sink whose target is none is read on, for the rest of its errors.
sink::SinkSpec read_sink(const YamlNode& node, std::span<const sink::SinkSpec> others,
                         Report& report) {
    const MapReader map(node, "a sink",
                        {"name", "to", "format", "rotate", "kinds", "spool", "ca", "cert", "key",
                         "severity", "redact", "preset", "index", "token"},
                        report);
    if (!map.ok()) return {};
    const bool broken_before = report.has_errors();
    auto target = read_target(map.need("to"), report);
    auto spec = target.value_or(sink::SinkSpec{});
    read_words(map, spec, report);
    if (!target) return spec;
    if (broken_before || !report.has_errors()) check_keys(map, spec, report);
    if (const auto alone = sink::check_alone(spec, others); !alone)
        refuse(*map.find("to"), alone.error(), report);
    return spec;
}

}  // namespace

std::vector<sink::SinkSpec> read_sinks(const YamlNode* node, Report& report) {
    std::vector<sink::SinkSpec> sinks;
    if (node == nullptr) return sinks;
    std::set<std::string> names;
    policy::read_list(*node, "`sinks`", true, report, [&](const YamlNode& item) {
        auto spec = read_sink(item, sinks, report);
        if (!spec.name.empty() && !names.insert(spec.name).second)
            report.error(item.place, fmt::format("the sink {} is there twice", quote(spec.name)),
                         "give each sink its own name");
        sinks.push_back(std::move(spec));
    });
    return sinks;
}

}  // namespace portlid::app
