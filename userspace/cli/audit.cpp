// SPDX-License-Identifier: Apache-2.0
// `portlid audit`: numbered findings about what listens, and what changed since a saved audit.
#include <fmt/format.h>

#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kAuditExamples =
    "  portlid audit                            every finding, why it is one, what to do\n"
    "  portlid audit -o json > known.json       what is known and accepted\n"
    "  portlid audit --baseline known.json --exit-code    10 when something is new";
constexpr const char* kSchema = "portlid.audit/v1";
constexpr std::size_t kBaselineBytes = std::size_t{16} << 20U;

struct AuditFlags {
    std::string baseline;
    bool exit_code = false;
};

// What is shown: without a baseline everything is new and nothing is gone.
struct Shown {
    Json document;
    bool compared = false;
};

Result<Json> must_be_audit(Result<Json> document, const std::string& where, const char* hint) {
    if (!document) return fail(where + ": " + document.error().message, hint);
    if (text(at(*document, "schema")) != kSchema || !at(*document, "findings").is_array())
        return fail(where + " is no audit: its schema is not " + kSchema, hint);
    return document;
}

Result<Json> read_baseline(const std::string& file) {
    constexpr const char* kHint = "portlid audit -o json > known.json";
    const auto whole = read_file(file, kBaselineBytes);
    if (!whole) return fail("--baseline " + file + ": " + whole.error().message, kHint);
    auto document = must_be_audit(parse_document(*whole), "--baseline " + file, kHint);
    if (document && document->contains("baseline"))
        return fail("--baseline " + file + " holds only what an audit differed in, not all of it",
                    kHint);
    return document;
}

std::set<std::string> keys_of(const Json& document) {
    std::set<std::string> keys;
    for (const auto& finding : list(at(document, "findings")))
        keys.insert(text(at(finding, "key")));
    return keys;
}

Json without(const Json& document, const std::set<std::string>& known) {
    Json rest = Json::array();
    for (const auto& finding : list(at(document, "findings")))
        if (!known.contains(text(at(finding, "key")))) rest.push_back(finding);
    return rest;
}

Json summary_of(const Json& findings) {
    Json summary = {{"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}, {"info", 0}};
    for (const auto& finding : findings) {
        const auto severity = text(at(finding, "severity"));
        if (summary.contains(severity)) summary[severity] = summary[severity].get<unsigned>() + 1;
    }
    return summary;
}

Json compare(const Json& now, const Json& baseline, const std::string& file) {
    auto fresh = without(now, keys_of(baseline));
    return {{"schema", kSchema},
            {"baseline", file},
            {"summary", summary_of(fresh)},
            {"findings", std::move(fresh)},
            {"gone", without(baseline, keys_of(now))}};
}

Color color_of(const std::string& severity) {
    if (severity == "critical" || severity == "high") return Color::Red;
    return severity == "medium" ? Color::Yellow : Color::None;
}

std::string finding_text(const Json& finding, const char* mark, bool color) {
    const auto severity = text(at(finding, "severity"), "?");
    return fmt::format(
        "{}{}  {}  {}\n         why:  {}\n         next: {}\n", mark, text(at(finding, "id"), "?"),
        paint(fmt::format("{:<8}", severity), color_of(severity), color), text(at(finding, "what")),
        text(at(finding, "why")), text(at(finding, "fix")));
}

std::string findings_text(const Shown& shown, bool color) {
    std::string out;
    for (const auto& finding : list(at(shown.document, "findings")))
        out += finding_text(finding, shown.compared ? "+ " : "", color);
    for (const auto& finding : list(at(shown.document, "gone")))
        out += fmt::format("- {}  {}  {}\n", text(at(finding, "id"), "?"),
                           fmt::format("{:<8}", text(at(finding, "severity"), "?")),
                           text(at(finding, "what")));
    return out;
}

std::string as_lines(const Shown& shown) {
    std::string out;
    const auto add = [&](const Json& findings, const char* change) {
        for (auto finding : list(findings)) {
            if (shown.compared) finding["change"] = change;
            out += finding.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
        }
    };
    add(at(shown.document, "findings"), "new");
    add(at(shown.document, "gone"), "gone");
    return out;
}

std::string as_csv(const Shown& shown) {
    Table table({{"CHANGE"}, {"ID"}, {"SEVERITY"}, {"WHAT"}, {"WHY"}, {"FIX"}, {"KEY"}});
    const auto add = [&](const Json& findings, const char* change) {
        for (const auto& finding : list(findings)) {
            std::vector<Cell> row{change};
            for (const auto* name : {"id", "severity", "what", "why", "fix", "key"})
                row.emplace_back(text(at(finding, name)));
            table.add(std::move(row));
        }
    };
    add(at(shown.document, "findings"), shown.compared ? "new" : "");
    add(at(shown.document, "gone"), "gone");
    return table.csv();
}

std::string summary_line(const Shown& shown) {
    const auto count = list(at(shown.document, "findings")).size();
    std::string line =
        fmt::format("{} {}finding{}", count, shown.compared ? "new " : "", count == 1 ? "" : "s");
    const char* separator = ": ";
    for (const auto& [severity, number_of] : at(shown.document, "summary").items()) {
        if (number(number_of) == 0) continue;
        line += fmt::format("{}{} {}", separator, number(number_of), severity);
        separator = ", ";
    }
    if (shown.compared) line += fmt::format("; {} gone", list(at(shown.document, "gone")).size());
    return line + ".\n";
}

Result<ExitCode> audit(Context& context, const AuditFlags& flags) {
    const auto format = context.format(
        {OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    Json baseline;
    if (!flags.baseline.empty()) {
        auto known = read_baseline(flags.baseline);
        if (!known) return pass_on(known.error());
        baseline = std::move(*known);
    }
    const auto body = context.backend.get(context.flags.socket, "/v1/audit");
    if (!body) return pass_on(body.error());
    auto now = must_be_audit(parse_document(*body), "the sensor's answer",
                             "portlid version, on both sides");
    if (!now) return pass_on(now.error());
    Shown shown{std::move(*now), !flags.baseline.empty()};
    if (shown.compared) shown.document = compare(shown.document, baseline, flags.baseline);
    switch (*format) {
        case OutputFormat::Json:
            context.console.out(
                shown.document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
            break;
        case OutputFormat::JsonLines:
            context.console.out(as_lines(shown));
            break;
        case OutputFormat::Csv:
            context.console.out(as_csv(shown));
            break;
        default:
            context.console.out(findings_text(shown, context.color()));
            context.console.message(summary_line(shown));
    }
    const bool found = !list(at(shown.document, "findings")).empty();
    return context.done(flags.exit_code && found ? ExitCode::Findings : ExitCode::Ok);
}

}  // namespace

void add_audit(CLI::App& root, Context& context) {
    auto& verb = add_verb(
        root, context,
        {"audit", "Watch", "Findings about what listens: what is wrong, why, and what to do",
         kAuditExamples});
    const auto flags = std::make_shared<AuditFlags>();
    verb.add_option("--baseline", flags->baseline,
                    "An audit saved with -o json: show only what is new and what is gone")
        ->type_name("FILE");
    verb.add_flag("--exit-code", flags->exit_code,
                  "Exit 10 when there are findings (with --baseline: new ones)");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return audit(context, *flags); };
    });
}

}  // namespace portlid::cli
