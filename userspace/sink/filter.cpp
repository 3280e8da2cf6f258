// SPDX-License-Identifier: Apache-2.0
#include "sink/filter.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"
#include "sink/encode/native_fields.hpp"

namespace portlid::sink {

namespace {

constexpr std::array<event::Kind, 24> kAll = {
#define PORTLID_KIND(name, text) event::Kind::name,
    PORTLID_KINDS(PORTLID_KIND)
#undef PORTLID_KIND
};

constexpr std::array<std::string_view, 8> kEnvelope = {"v",    "id",   "rev",      "seq",
                                                       "time", "kind", "severity", "sink_seq"};
constexpr const char* kReplaced = "[redacted]";

bool in_envelope(std::string_view path) {
    return std::find(kEnvelope.begin(), kEnvelope.end(), path) != kEnvelope.end();
}

bool matches_any(const std::vector<std::string>& globs, std::string_view path) {
    return std::any_of(globs.begin(), globs.end(),
                       [path](const auto& glob) { return glob_match(glob, path); });
}

// The busiest sources of a summary are sources: who hides `src.ip` means them, too.
bool is_hidden(const std::vector<std::string>& globs, std::string_view path) {
    return matches_any(globs, path) || (path == "sources.ip" && matches_any(globs, "src.ip"));
}

// "[redacted]" is no number, no time and no address: a SIEM would refuse the whole event.
bool stays_as_text(const nlohmann::ordered_json& value, std::string_view path) {
    return value.is_string() && !is_typed_text(path);
}

void redact_below(nlohmann::ordered_json& node, const std::string& path,
                  const std::vector<std::string>& globs, bool all);

// Whether anything of it is left.
bool redact_one(nlohmann::ordered_json& value, const std::string& path,
                const std::vector<std::string>& globs, bool all) {
    const bool hit = all || is_hidden(globs, path);
    if (value.is_structured()) {
        const bool was_empty = value.empty();
        redact_below(value, path, globs, hit);
        return was_empty || !value.empty();
    }
    if (!hit || value.is_null()) return true;
    if (!stays_as_text(value, path)) return false;
    value = kReplaced;
    return true;
}

void redact_below(nlohmann::ordered_json& node, const std::string& path,
                  const std::vector<std::string>& globs, bool all) {
    for (auto one = node.begin(); one != node.end();) {
        const auto here = node.is_array() ? path
                          : path.empty()  ? one.key()
                                          : path + "." + one.key();
        const bool kept = in_envelope(here) || redact_one(*one, here, globs, all);
        if (kept)
            ++one;
        else
            one = node.erase(one);
    }
}

// The paths that a glob may match: every leaf, and what it stands in.
std::vector<std::string_view> redactable_paths() {
    std::vector<std::string_view> paths;
    for (const auto& field : native_fields())
        for (auto end = field.path.find('.');; end = field.path.find('.', end + 1)) {
            paths.push_back(field.path.substr(0, end));
            if (end == std::string_view::npos) break;
        }
    return paths;
}

}  // namespace

Filter::Filter(std::vector<std::string> kinds, event::Severity least) : least_(least) {
    if (kinds.empty()) kinds.emplace_back("*");
    for (const auto kind : kAll)
        for (const auto& glob : kinds)
            if (glob_match(glob, event::to_string(kind)))
                kinds_ |= 1ULL << static_cast<unsigned>(kind);
}

bool Filter::passes(event::Kind kind, event::Severity severity) const {
    if (kind == event::Kind::SensorGap) return true;
    return severity >= least_ && ((kinds_ >> static_cast<unsigned>(kind)) & 1U) != 0;
}

void redact(nlohmann::ordered_json& event, const std::vector<std::string>& globs) {
    if (!globs.empty()) redact_below(event, "", globs, false);
}

bool hides(const std::vector<std::string>& globs, std::string_view path) {
    for (auto end = path.find('.');; end = path.find('.', end + 1)) {
        if (is_hidden(globs, path.substr(0, end))) return true;
        if (end == std::string_view::npos) return false;
    }
}

Result<> check_redact(const std::string& glob) {
    static const auto kPaths = redactable_paths();
    if (std::any_of(kPaths.begin(), kPaths.end(),
                    [&](auto path) { return glob_match(glob, path); }))
        return {};
    if (std::any_of(kEnvelope.begin(), kEnvelope.end(),
                    [&](auto path) { return glob_match(glob, path); }))
        return fail("`" + printable(glob, 256) + "` is never left out: it names and orders events",
                    "v, id, rev, seq, time, kind and severity stay; write src.ip or process.*",
                    ExitCode::Usage);
    const auto near = nearest(glob, kPaths);
    return fail("no field of an event matches `" + printable(glob, 256) + "`",
                near.empty() ? "write src.ip, process.* or host.name; man portlid.yaml"
                             : "did you mean `" + near + "`?",
                ExitCode::Usage);
}

}  // namespace portlid::sink
