// SPDX-License-Identifier: Apache-2.0
// What every verb shares: the tree of verbs, the flags they have in common, and where they write.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/backend.hpp"
#include "cli/console.hpp"
#include "cli/table.hpp"

namespace portlid::cli {

using app::OutputFormat;
inline constexpr const char* kDefaultSocket = "/run/portlid/portlid.sock";
inline constexpr const char* kFormats = "table|wide|json|jsonl|csv|tap";

// -o, --color, --socket: before or after the verb.
struct CommonFlags {
    std::string output = "table";
    std::string color = "auto";
    std::string socket;
};

using Action = std::function<Result<ExitCode>()>;

struct Context {
    Backend& backend;
    Console& console;
    CommonFlags flags;
    Action action;  // of the verb that was given

    [[nodiscard]] bool color() const;
    // The format, or a refusal with exit code 2 when this verb has no such form.
    [[nodiscard]] Result<OutputFormat> format(const std::vector<OutputFormat>& allowed) const;
    // Ends a verb that printed data: what went wrong with stdout, else `code`.
    [[nodiscard]] Result<ExitCode> done(ExitCode code = ExitCode::Ok) const;
};

// A verb below `parent` with the common flags; `examples` are shown under its --help.
struct VerbText {
    const char* name;
    const char* group;
    const char* summary;
    const char* examples;
};
CLI::App& add_verb(CLI::App& parent, Context& context, const VerbText& verb);
// An option whose value is one of "a|b|c"; another word is refused with a suggestion.
CLI::Option* add_choice(CLI::App& verb, const std::string& name, std::string& value,
                        const std::string& words, const std::string& help);
// An option with a duration: 30s, 10m, 24h, 7d.
CLI::Option* add_duration(CLI::App& verb, const std::string& name, std::string& value,
                          const std::string& help);

// One for each verb that is built, in the order of --help.
void add_run(CLI::App& root, Context& context);
void add_status(CLI::App& root, Context& context);
void add_ports(CLI::App& root, Context& context);
void add_events(CLI::App& root, Context& context);
void add_explain(CLI::App& root, Context& context);
void add_verify(CLI::App& root, Context& context);
void add_audit(CLI::App& root, Context& context);
void add_doctor(CLI::App& root, Context& context);
void add_policy(CLI::App& root, Context& context);
void add_plan(CLI::App& root, Context& context);
void add_rollout(CLI::App& root, Context& context);
void add_bans(CLI::App& root, Context& context);
void add_openings(CLI::App& root, Context& context);
void add_import(CLI::App& root, Context& context);
void add_detach(CLI::App& root, Context& context);
void add_version(CLI::App& root, Context& context);
void add_completion(CLI::App& root, Context& context);
// The verbs of the contract that say that they are not built yet.
void add_later(CLI::App& root, Context& context);

}  // namespace portlid::cli
