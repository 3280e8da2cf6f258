// SPDX-License-Identifier: Apache-2.0
#include "policy/report.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxDiagnostics = 200;
constexpr std::size_t kMaxQuotedBytes = 80;

Diagnostic diagnose(const Place& place, std::string message, std::string hint, bool warning) {
    return {place.file, place.line, place.column, std::move(message), std::move(hint), warning, {}};
}

}  // namespace

void Report::error(const Place& place, std::string message, std::string hint) {
    add(diagnose(place, std::move(message), std::move(hint), false));
}

void Report::warn(const Place& place, std::string message, std::string hint) {
    add(diagnose(place, std::move(message), std::move(hint), true));
}

void Report::add(Diagnostic diagnostic) {
    if (!diagnostic.warning) ++errors_;
    // A warning must not push out the error that decides.
    if (diagnostics_.size() >= kMaxDiagnostics && (diagnostic.warning || errors_ > kMaxDiagnostics))
        return;
    diagnostics_.push_back(std::move(diagnostic));
}

bool Report::full() const {
    return diagnostics_.size() >= kMaxDiagnostics;
}

std::string quote(std::string_view text) {
    auto shown = printable(text, kMaxQuotedBytes);
    const bool cut = shown.size() >= kMaxQuotedBytes - 6 && text.size() > kMaxQuotedBytes;
    return fmt::format("`{}{}`", shown, cut ? "…" : "");
}

std::string at(const Place& place) {
    return fmt::format("{}:{}", printable(place.file), place.line);
}

}  // namespace portlid::policy
