// SPDX-License-Identifier: Apache-2.0
// What `policy test` prints. All text of the file was checked by the loader; names and paths go
// through printable().
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "abi/reasons.h"
#include "base/text.hpp"
#include "policy/policy_tests.hpp"

namespace portlid::policy {

namespace {

using Json = nlohmann::ordered_json;

#define PORTLID_REASON_WORD(number, name, row, sentence) #name,
constexpr auto kReasonWords = std::to_array<const char*>({ PORTLID_REASONS(PORTLID_REASON_WORD) });
#undef PORTLID_REASON_WORD
static_assert(kReasonWords.size() == REASON_COUNT);

const char* reason_of(const TestOutcome& outcome) {
    const auto index = static_cast<std::size_t>(outcome.judged.why);
    return index < kReasonWords.size() ? kReasonWords[index] : "unknown";
}

std::string packet_text(const TestOutcome& outcome) {
    const auto& test = outcome.question.test;
    return fmt::format("from {} to {} zone {}", test.from.to_string(), target_text(test),
                       test.zone);
}

std::string place_text(const Place& place) {
    return place.line == 0 ? "" : fmt::format("{}:{}", printable(place.file), place.line);
}

// "allow (allowed, rule ssh at policy.yaml:12)"
std::string answer_text(const TestOutcome& outcome) {
    const auto& rule = outcome.rule;
    const auto where = rule.source == "built-in" ? "" : " at " + rule.source;
    return fmt::format("{} ({}: {}{})", to_string(outcome.verdict()), reason_of(outcome),
                       printable(rule.name), where);
}

Json errors_json(const LoadOutcome& loaded) {
    auto errors = Json::array();
    for (const auto& found : loaded.diagnostics)
        if (!found.warning)
            errors.push_back({{"file", found.file},
                              {"line", found.line},
                              {"column", found.column},
                              {"message", found.message},
                              {"hint", found.hint}});
    return errors;
}

Json outcome_json(const TestOutcome& outcome) {
    const auto& test = outcome.question.test;
    Json json{{"ok", outcome.passed()},
              {"from", test.from.to_string()},
              {"to", target_text(test)},
              {"zone", test.zone},
              {"expect", nullptr},
              {"verdict", to_string(outcome.verdict())},
              {"reason", reason_of(outcome)},
              {"rule", {{"name", printable(outcome.rule.name)}, {"source", outcome.rule.source}}},
              {"at", nullptr}};
    if (outcome.question.expects) json["expect"] = to_string(test.expect);
    if (test.place.line != 0)
        json["at"] = {{"file", printable(test.place.file)},
                      {"line", test.place.line},
                      {"column", test.place.column}};
    return json;
}

// A '#' in a TAP description would begin a directive; nothing here contains one but a file name.
std::string tap_safe(std::string text) {
    for (auto at = text.find('#'); at != std::string::npos; at = text.find('#', at + 2))
        text.insert(at, "\\");
    return text;
}

std::string tap_point(const TestOutcome& outcome, std::size_t number) {
    const auto& question = outcome.question;
    const auto wanted =
        question.expects ? fmt::format(" expect {}", to_string(question.test.expect)) : "";
    auto line = fmt::format("{} {} - {}{}\n", outcome.passed() ? "ok" : "not ok", number,
                            packet_text(outcome), wanted);
    if (outcome.passed() && question.expects) return line;
    line += fmt::format("  ---\n  verdict: {}\n  reason: {}\n  rule: {}\n",
                        to_string(outcome.verdict()), reason_of(outcome),
                        Json(printable(outcome.rule.name)).dump());
    line += fmt::format("  source: {}\n", Json(outcome.rule.source).dump());
    if (question.test.place.line != 0)
        line += fmt::format("  at: {}\n", Json(place_text(question.test.place)).dump());
    return line + "  ...\n";
}

}  // namespace

std::string describe(const TestOutcome& outcome) {
    const auto place = place_text(outcome.question.test.place);
    auto text = fmt::format("{}{}{} is {}", place, place.empty() ? "" : ": ", packet_text(outcome),
                            answer_text(outcome));
    if (!outcome.passed())
        text += fmt::format(", expected {}", to_string(outcome.question.test.expect));
    return text;
}

std::string tests_text(const TestReport& report) {
    std::string out;
    for (const auto& outcome : report.run.outcomes)
        out += fmt::format("{}  {}\n", outcome.passed() ? "ok  " : "FAIL", describe(outcome));
    return out + fmt::format("{}: {} tests, {} failed\n", printable(report.file),
                             report.run.outcomes.size(), report.run.failed());
}

std::string tests_tap(const TestReport& report) {
    std::string out = "TAP version 14\n";
    for (const auto& found : report.loaded.diagnostics)
        if (!found.warning) return out + "Bail out! " + tap_safe(to_string(found)) + "\n";
    const auto total = report.run.outcomes.size();
    out += total == 0 ? "1..0 # SKIP the policy has no tests\n" : fmt::format("1..{}\n", total);
    std::size_t number = 0;
    for (const auto& outcome : report.run.outcomes) out += tap_point(outcome, ++number);
    return out;
}

std::string tests_json(const TestReport& report) {
    auto tests = Json::array();
    for (const auto& outcome : report.run.outcomes) tests.push_back(outcome_json(outcome));
    const auto failed = report.run.failed();
    const Json document{{"schema", "portlid.test/v1"},
                        {"file", printable(report.file)},
                        {"ok", report.loaded.ok() && failed == 0},
                        {"total", report.run.outcomes.size()},
                        {"failed", failed},
                        {"tests", std::move(tests)},
                        {"errors", errors_json(report.loaded)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace portlid::policy
