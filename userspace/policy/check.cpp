// SPDX-License-Identifier: Apache-2.0
#include "policy/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/compile.hpp"
#include "policy/loader.hpp"
#include "policy/source_file.hpp"

namespace portlid::policy {

namespace {

nlohmann::ordered_json to_json(const Diagnostic& diagnostic) {
    return {{"file", diagnostic.file},
            {"line", diagnostic.line},
            {"column", diagnostic.column},
            {"message", diagnostic.message},
            {"hint", diagnostic.hint}};
}

// Spaces up to the column, tabs kept so that the caret stands under its character.
std::string caret(const Diagnostic& diagnostic) {
    std::string out;
    std::size_t characters = 1;
    for (const char byte : diagnostic.source_line) {
        if (characters >= diagnostic.column) break;
        const bool continuation = (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
        if (continuation) continue;
        out += ' ';
        ++characters;
    }
    return out + "^";
}

std::string page(const Diagnostic& diagnostic) {
    auto out = to_string(diagnostic) + "\n";
    if (!diagnostic.source_line.empty() && diagnostic.column != 0)
        out += fmt::format("  {}\n  {}\n", diagnostic.source_line, caret(diagnostic));
    if (!diagnostic.hint.empty()) out += fmt::format("  hint: {}\n", diagnostic.hint);
    return out;
}

// The file is read once more, for the line that is shown.
void point_at_place(Diagnostic& problem, const Place& at, const LoadOptions& options) {
    problem.file = at.file;
    problem.line = at.line;
    problem.column = at.column;
    if (const auto text = read_source(at.file, kMaxPolicyBytes, options.check_ownership))
        point_at_text(problem, *text);
}

}  // namespace

std::string check_json(const LoadOutcome& outcome) {
    auto errors = nlohmann::ordered_json::array();
    auto warnings = nlohmann::ordered_json::array();
    for (const auto& diagnostic : outcome.diagnostics)
        (diagnostic.warning ? warnings : errors).push_back(to_json(diagnostic));
    const nlohmann::ordered_json document{{"schema", "portlid.check/v1"},
                                          {"ok", outcome.ok()},
                                          {"errors", std::move(errors)},
                                          {"warnings", std::move(warnings)}};
    // Messages are printable already; replacing is for whatever slipped through.
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string check_text(const LoadOutcome& outcome) {
    std::string out;
    for (const auto& diagnostic : outcome.diagnostics) out += page(diagnostic);
    return out;
}

LoadOutcome check_file(const std::filesystem::path& path, LoadOptions options) {
    auto outcome = load_file(path, options);
    if (!outcome.ok()) return outcome;
    Place at;
    const auto compiled = compile(outcome.policy, {}, &at);
    if (compiled) return outcome;
    Diagnostic problem;
    problem.file = path.string();
    if (at.line != 0) point_at_place(problem, at, options);
    problem.file = printable(problem.file);
    problem.message = compiled.error().message;
    problem.hint = compiled.error().hint;
    outcome.diagnostics.push_back(std::move(problem));
    return outcome;
}

}  // namespace portlid::policy
