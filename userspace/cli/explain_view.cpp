// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.hpp"

namespace portlid::cli {

namespace {

std::string conclusion(const Json& document, bool color) {
    const auto verdict = text(at(document, "verdict"), "?");
    const auto reason = text(at(document, "reason"), "?");
    if (verdict == "drop") return "=> " + paint("dropped", Color::Green, color) + ": " + reason;
    if (verdict == "would_drop")
        return "=> " + paint("would be dropped", Color::Yellow, color) + ": " + reason +
               "; it gets in, because the rule only monitors";
    return "=> allowed: " + reason;
}

}  // namespace

std::string explain_text(const Json& document, bool color) {
    std::string out;
    std::size_t where_width = 0;
    std::size_t outcome_width = 0;
    const auto& steps = list(at(document, "steps"));
    for (const auto& step : steps) {
        where_width = std::max(where_width, columns_of(text(at(step, "where"))));
        outcome_width = std::max(outcome_width, columns_of(text(at(step, "outcome"))));
    }
    int position = 0;
    for (const auto& step : steps)
        out += fmt::format("{:>2} {:<{}}  {:<{}}  {}\n", ++position, text(at(step, "where")),
                           where_width, text(at(step, "outcome")), outcome_width,
                           text(at(step, "why")));
    out += conclusion(document, color);
    const auto& rule = at(document, "rule");
    if (rule.is_object())
        out += fmt::format("\n   rule: {} ({})", text(at(rule, "name"), "?"),
                           text(at(rule, "source"), "?"));
    return out + "\n";
}

}  // namespace portlid::cli
