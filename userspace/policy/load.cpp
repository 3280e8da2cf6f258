// SPDX-License-Identifier: Apache-2.0
#include "policy/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/source_file.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxShownLineBytes = 200;

MapReader open_root(LoadState& state, const Document& document) {
    if (document.name == state.name)
        return {
            document.root,
            "the policy",
            {"version", "mode", "zones", "sets", "management", "deny", "services", "icmp",
             "protocols", "transit", "routed", "failsafe", "labels", "binds", "include", "tests"},
            state.report};
    return {document.root,
            "an included file",
            {"zones", "sets", "management", "deny", "services", "icmp", "protocols", "transit",
             "routed", "failsafe", "labels", "binds", "include", "tests"},
            state.report};
}

void read_head(LoadState& state, const MapReader& root) {
    if (const auto* version = root.need("version")) {
        const bool one =
            version->kind == YamlNode::Kind::Scalar && !version->quoted && version->text == "1";
        if (!one)
            state.report.error(version->place, "this program reads policy version 1 only",
                               "write version: 1");
    }
    if (const auto* mode = root.find("mode"))
        state.policy.mode = read_mode(*mode, state.report).value_or(Mode::Monitor);
}

void read_policy(LoadState& state) {
    if (state.documents.empty() || state.documents.front().name != state.name) return;
    std::vector<MapReader> roots;
    roots.reserve(state.documents.size());
    for (const auto& document : state.documents) roots.push_back(open_root(state, document));
    if (!roots.front().ok()) return;
    read_head(state, roots.front());
    for (const auto& root : roots) {
        if (const auto* zones = root.find("zones")) read_zones(state, *zones);
        if (const auto* sets = root.find("sets")) read_sets(state, *sets);
    }
    for (const auto& root : roots) read_rest(state, root);
    const bool unread_zones = state.report.has_errors();
    if (state.policy.zones.empty() && !unread_zones)
        state.report.error(state.documents.front().root.place, "the policy has no zones",
                           "write zones: { public: { interfaces: [uplink], default: drop } }");
    review(state);
}

std::string_view line_of(std::string_view text, unsigned number) {
    for (unsigned line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        if (line == number) return text.substr(0, end);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return {};
}

// Parsers count bytes, people count characters.
unsigned character_column(std::string_view line, unsigned byte_column) {
    const auto before = line.substr(0, byte_column == 0 ? 0 : byte_column - 1);
    const auto continuations = std::count_if(before.begin(), before.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
    });
    return byte_column - static_cast<unsigned>(continuations);
}

std::size_t position(const std::vector<std::string>& files, const std::string& name) {
    return static_cast<std::size_t>(std::find(files.begin(), files.end(), name) - files.begin());
}

void finish_diagnostics(LoadState& state, std::vector<Diagnostic>& diagnostics) {
    const auto key = [&](const Diagnostic& d) {
        return std::tuple(position(state.file_order, d.file), d.line, d.column);
    };
    std::stable_sort(diagnostics.begin(), diagnostics.end(),
                     [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (auto& diagnostic : diagnostics) {
        if (state.options.strict) diagnostic.warning = false;
        const auto text = state.texts.find(diagnostic.file);
        if (text != state.texts.end() && diagnostic.line != 0)
            point_at_text(diagnostic, text->second);
        diagnostic.file = printable(diagnostic.file);
    }
}

}  // namespace

void point_at_text(Diagnostic& diagnostic, std::string_view text) {
    const auto line = line_of(text, diagnostic.line);
    diagnostic.column = character_column(line, diagnostic.column);
    const auto end = line.ends_with('\r') ? line.size() - 1 : line.size();
    diagnostic.source_line = printable(line.substr(0, end), kMaxShownLineBytes);
}

std::string to_string(const Diagnostic& diagnostic) {
    const auto where = diagnostic.line == 0 ? diagnostic.file
                                            : fmt::format("{}:{}:{}", diagnostic.file,
                                                          diagnostic.line, diagnostic.column);
    return fmt::format("{}: {}{}", where, diagnostic.warning ? "warning: " : "",
                       diagnostic.message);
}

bool LoadOutcome::ok() const {
    return std::all_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& diagnostic) { return diagnostic.warning; });
}

LoadOutcome load_text(std::string_view text, const std::string& name,
                      const std::filesystem::path& directory, LoadOptions options) {
    LoadState state;
    state.options = options;
    state.directory = directory;
    state.name = name;
    state.policy.file = name;
    read_documents(state, text);
    read_policy(state);
    LoadOutcome outcome;
    outcome.diagnostics = state.report.take();
    finish_diagnostics(state, outcome.diagnostics);
    outcome.policy = std::move(state.policy);
    outcome.text_hash = sha256(state.hashes);
    return outcome;
}

LoadOutcome load_file(const std::filesystem::path& path, LoadOptions options) {
    auto text = read_source(path, kMaxPolicyBytes, options.check_ownership);
    if (text) return load_text(*text, path.string(), path.parent_path(), options);
    LoadOutcome outcome;
    Diagnostic problem;
    problem.file = printable(path.string());
    problem.message = text.error().message;
    problem.hint = text.error().hint;
    outcome.diagnostics.push_back(std::move(problem));
    return outcome;
}

}  // namespace portlid::policy
