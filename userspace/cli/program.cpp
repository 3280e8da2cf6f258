// SPDX-License-Identifier: Apache-2.0
#include "cli/program.hpp"
#include "cli/export.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/history_client.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kSummary =
    "Portlid knows who opened every port, whether a packet from outside can reach it, and keeps "
    "shut what the operator did not allow.";
constexpr const char* kFooter =
    "Examples:\n"
    "  portlid doctor                      what works on this machine\n"
    "  sudo portlid run --mode monitor     watch, drop nothing\n"
    "  portlid ports                       who can be reached, by whom\n"
    "  portlid events -f                   what happens, as it happens\n"
    "  portlid explain any to :5432        which rule decides, and why\n"
    "\n"
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon not running, 4 no permission,\n"
    "5 policy invalid, 6 kernel or feature missing, 10 findings (with --exit-code).\n"
    "portlid VERB --help says more.";

// The verb that was given last: `portlid policy check` is `check`.
const CLI::App& deepest(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? app : deepest(*chosen.front());
}

std::string command_of(const CLI::App& app) {
    const auto* parent = app.get_parent();
    return parent == nullptr ? app.get_name() : command_of(*parent) + " " + app.get_name();
}

std::vector<std::string> verbs_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(verb->get_name());
    return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        for (const auto& name : option->get_snames()) names.push_back("-" + name);
    }
    return names;
}

Error unknown_word(const CLI::App& app, const std::string& word) {
    const bool is_flag = word.size() > 1 && word.front() == '-';
    const bool wants_verb = !is_flag && !verbs_of(app).empty();
    const auto candidates = is_flag ? flags_of(app) : verbs_of(app);
    const auto shown = "`" + printable(word, 128) + "`";
    Error error{"", command_of(app) + " --help", ExitCode::Usage, 0};
    if (is_flag)
        error.message = command_of(app) + " has no flag " + shown;
    else if (wants_verb)
        error.message = command_of(app) + " has no verb " + shown;
    else
        error.message = command_of(app) + " does not take the word " + shown;
    const std::vector<std::string_view> views(candidates.begin(), candidates.end());
    const auto name = word.substr(0, word.find('='));
    if (const auto near = nearest(name, views); !near.empty())
        error.hint = "did you mean `" + near + "`? " + error.hint;
    return error;
}

// A word that nobody took says more than what it left unfilled.
Result<> judge_words(const CLI::App& tree) {
    const auto& verb = deepest(tree);
    for (const CLI::App* app = &verb; app != nullptr; app = app->get_parent())
        if (const auto left = app->remaining(false); !left.empty())
            return tl::unexpected<Error>(unknown_word(verb, left.front()));
    return {};
}

std::string listed(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

Result<> parse(CLI::App& tree, Context& context, std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
        tree.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
        context.action = [&tree, &context]() -> Result<ExitCode> {
            context.console.out(deepest(tree).help(""));
            return context.done();
        };
        return {};
    } catch (const CLI::ParseError& refusal) {
        if (auto words = judge_words(tree); !words) return words;
        const auto command = command_of(deepest(tree));
        return fail(command + ": " + printable(refusal.what(), 1024), command + " --help",
                    ExitCode::Usage);
    }
    if (auto words = judge_words(tree); !words) return words;
    if (context.action) return {};
    const auto& verb = deepest(tree);
    return fail(command_of(verb) + " needs a verb: " + listed(verbs_of(verb)),
                command_of(verb) + " --help", ExitCode::Usage);
}

std::string default_socket() {
    const char* given = std::getenv("PORTLID_SOCKET");
    return given == nullptr || *given == '\0' ? kDefaultSocket : given;
}

}  // namespace

std::unique_ptr<CLI::App> make_tree(Context& context) {
    auto tree = std::make_unique<CLI::App>(kSummary, "portlid");
    tree->allow_extras();  // judged by judge_words, which can suggest
    tree->set_help_flag("-h,--help", "Print this help");
    tree->require_subcommand(0, 1);
    tree->footer(kFooter);
    tree->get_formatter()->column_width(34);
    add_choice(*tree, "-o,--output", context.flags.output, kFormats, "How to print data");
    add_choice(*tree, "--color", context.flags.color, "auto|always|never",
               "When to use colour (also NO_COLOR)");
    tree->add_option("--socket", context.flags.socket,
                     "The sensor's control socket (also PORTLID_SOCKET)")
        ->type_name("FILE");
    add_run(*tree, context);
    add_status(*tree, context);
    add_ports(*tree, context);
    add_events(*tree, context);
    add_explain(*tree, context);
    add_verify(*tree, context);
    add_audit(*tree, context);
    add_doctor(*tree, context);
    add_policy(*tree, context);
    add_plan(*tree, context);
    add_learn(*tree, context);
    add_rollout(*tree, context);
    add_openings(*tree, context);
    add_bans(*tree, context);
    add_export(*tree, context);
    add_import(*tree, context);
    add_detach(*tree, context);
    add_version(*tree, context);
    add_completion(*tree, context);
    add_later(*tree, context);
    return tree;
}

ExitCode run_program(const std::vector<std::string>& arguments, Backend& backend,
                     Console& console) {
    Context context{backend, console, {}, {}};
    context.flags.socket = default_socket();
    const auto tree = make_tree(context);
    auto parsed = parse(*tree, context, arguments);
    const auto outcome = parsed ? context.action() : pass_on(std::move(parsed).error());
    if (outcome) return *outcome;
    console.message(error_text(outcome.error()));
    return outcome.error().code;
}

}  // namespace portlid::cli
