// SPDX-License-Identifier: Apache-2.0
// The verbs of the contract that are not built yet: each has its full --help, and says what to do
// instead. A verb leaves this table when it gets a file of its own.

#include "cli/context.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kLaterGroup = "Not built yet in this version";

// One line of a verb's --help. Names that begin with a dash are flags; a type makes it an option.
struct Argument {
    const char* name;
    const char* type;  // "" = a flag without value; for a positional word always ""
    const char* help;
    bool required = false;
};

struct LaterVerb {
    VerbText text;
    const char* instead;
    std::vector<Argument> arguments;
};

std::vector<LaterVerb> runtime_verbs() {
    return {
        {{"top", kLaterGroup, "Live view", "  portlid top"}, "portlid events -f", {}},
        {{"report", kLaterGroup, "One self-contained page", "  portlid report --html page.html"},
         "portlid ports -o csv",
         {{"--html", "FILE", "Where to write it"}}},
    };
}

void add_argument(CLI::App& verb, const Argument& argument, std::vector<std::string>& into) {
    const std::string name = argument.name;
    if (name.front() == '-' && *argument.type == '\0') {
        verb.add_flag(name, argument.help);
        return;
    }
    auto* option = verb.add_option(
        name,
        [&into](const CLI::results_t& words) {
            into.insert(into.end(), words.begin(), words.end());
            return true;
        },
        argument.help);
    if (*argument.type != '\0') option->type_name(argument.type);
    if (argument.required) option->required();
}

void add_one(CLI::App& parent, Context& context, const std::string& prefix,
             const LaterVerb& later) {
    auto& verb = add_verb(parent, context, later.text);
    const auto ignored = std::make_shared<std::vector<std::string>>();
    for (const auto& argument : later.arguments) add_argument(verb, argument, *ignored);
    const auto name = prefix + later.text.name;
    const std::string instead = later.instead;
    verb.callback([name, instead, ignored, &context] {
        context.action = [name, instead]() -> Result<ExitCode> {
            return fail(name + " is not built yet in this version", instead, ExitCode::Usage);
        };
    });
}

}  // namespace

void add_later(CLI::App& root, Context& context) {
    for (const auto& verb : runtime_verbs()) add_one(root, context, "portlid ", verb);
}

}  // namespace portlid::cli
