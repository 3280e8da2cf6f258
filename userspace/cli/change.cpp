// SPDX-License-Identifier: Apache-2.0
#include "cli/change.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace portlid::cli {

Result<ExitCode> change(Context& context, const std::string& path, const Json& body,
                        const std::function<std::string(const Json&)>& describe) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const auto text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto answer = context.backend.post(context.flags.socket, path, text);
    if (!answer) return pass_on(answer.error());
    const auto document = parse_document(*answer);
    if (!document) return pass_on(document.error());
    if (*format == OutputFormat::Table)
        context.console.out(describe(*document) + "\n");
    else
        context.console.out(document->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return context.done();
}

std::string ssh_connection() {
    const char* value = std::getenv("SSH_CONNECTION");
    return value == nullptr ? "" : value;
}

std::string in_force(const Json& answer) {
    auto line = fmt::format("generation {} is in force ({})", text(at(answer, "generation"), "?"),
                            text(at(answer, "mode"), "?"));
    const auto& pending = at(answer, "pending");
    if (pending.is_object())
        line += fmt::format(
            "\nit gives way at {} unless you confirm it\n  next: portlid confirm   (or portlid "
            "rollback)",
            text(at(pending, "deadline"), "?"));
    return line;
}

std::string until_words(const Json& until) {
    const auto when = text(until);
    return when.empty() ? "until ended by hand" : "until " + when;
}

}  // namespace portlid::cli
