// SPDX-License-Identifier: Apache-2.0
// What the verbs that change the sensor share: a POST, its answer shown, and the caller's own way
// in told to the lock-out guard.
#pragma once

#include <functional>

#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

// Sends `body` to `path`, prints the answer: as JSON, or the line that `describe` makes of it.
[[nodiscard]] Result<ExitCode> change(Context& context, const std::string& path, const Json& body,
                                      const std::function<std::string(const Json&)>& describe);

// Fresh flags, with which `verb` runs `what` once they are filled.
template <typename Flags>
std::shared_ptr<Flags> run_on(CLI::App& verb, Context& context,
                              Result<ExitCode> (*what)(Context&, const Flags&)) {
    auto flags = std::make_shared<Flags>();
    verb.callback([flags, what, &context] {
        context.action = [flags, what, &context] { return what(context, *flags); };
    });
    return flags;
}

// SSH_CONNECTION of this process, "" when there is none.
[[nodiscard]] std::string ssh_connection();
// "generation 12 is in force (enforce)", and until when it waits for `portlid confirm`.
[[nodiscard]] std::string in_force(const Json& answer);
// "until 2026-…" or "until ended by hand".
[[nodiscard]] std::string until_words(const Json& until);

}  // namespace portlid::cli
