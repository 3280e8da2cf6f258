// SPDX-License-Identifier: Apache-2.0
// Build tool: the verbs and options of the command line as scdoc text, from the same tree that
// --help and completion come from.   manual client|sensor|common
#include <fmt/format.h>

#include <cstdio>
#include <set>

#include "cli/context.hpp"
#include "cli/program.hpp"

namespace {

// The page portlid(8) has these, portlid(1) the others.
const std::set<std::string> kSensorVerbs = {"run", "doctor", "detach"};
// In every verb, so said once.
const std::set<std::string> kCommon = {"--help", "--output", "--color", "--socket"};

std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::string_view("\\*_+#`<>[]~").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string bold(const std::string& text) {
    return "*" + plain(text) + "*";
}
std::string underlined(const std::string& text) {
    return "_" + plain(text) + "_";
}

std::string names_of(const CLI::Option& option) {
    std::string all;
    for (const auto& name : option.get_snames())
        all += (all.empty() ? "" : ", ") + bold("-" + name);
    for (const auto& name : option.get_lnames())
        all += (all.empty() ? "" : ", ") + bold("--" + name);
    return all;
}

bool is_common(const CLI::Option& option) {
    const auto& names = option.get_lnames();
    return !names.empty() &&
           kCommon.count(names.front()) + kCommon.count("--" + names.front()) != 0;
}

// "*--policy* _FILE_" and what it does, one step to the right.
std::string option_text(const CLI::Option& option) {
    std::string head =
        option.get_positional() ? underlined(option.get_name(true)) : names_of(option);
    if (!option.get_positional() && option.get_items_expected_max() > 0)
        head += " " + underlined(option.get_type_name());
    std::string text = option.get_description();
    if (option.get_positional() && option.get_type_name().find('|') != std::string::npos)
        text += ": " + option.get_type_name();
    if (!option.get_default_str().empty()) text += " (default " + option.get_default_str() + ")";
    return head + "\n\t" + plain(text) + "\n\n";
}

std::string synopsis(const CLI::App& verb, const std::string& path) {
    std::string line = bold(path);
    for (const auto* option : verb.get_options()) {
        if (!option->get_positional()) continue;
        const auto name = underlined(option->get_name(true));
        line += option->get_required() ? " " + name : " \\[" + name + "\\]";
    }
    return line;
}

// The footer's lines, as they are.
std::string examples(const CLI::App& verb) {
    const auto footer = verb.get_footer();
    if (footer.empty()) return {};
    constexpr std::string_view kHead = "Examples:\n";
    const auto text = footer.rfind(kHead, 0) == 0 ? footer.substr(kHead.size()) : footer;
    return "```\n" + text + "\n```\n\n";
}

void print_verb(const CLI::App& verb, const std::string& path, std::string& out) {
    const auto below = verb.get_subcommands([](const CLI::App*) { return true; });
    out += "## " + plain(path) + "\n\n";
    if (below.empty()) out += synopsis(verb, path) + "\n\n";
    out += plain(verb.get_description()) + ".\n\n";
    if (verb.get_group().rfind("Not ", 0) == 0) out += plain(verb.get_group()) + ".\n\n";
    for (const auto* option : verb.get_options())
        if (!is_common(*option)) out += option_text(*option);
    out += examples(verb);
    for (const auto* one : below) print_verb(*one, path + " " + one->get_name(), out);
}

std::string common(const CLI::App& tree) {
    std::string out;
    for (const auto* option : tree.get_options()) out += option_text(*option);
    return out;
}

std::string verbs(const CLI::App& tree, bool of_the_sensor) {
    std::string out;
    for (const auto* verb : tree.get_subcommands([](const CLI::App*) { return true; }))
        if ((kSensorVerbs.count(verb->get_name()) != 0) == of_the_sensor)
            print_verb(*verb, "portlid " + verb->get_name(), out);
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string part = argc == 2 ? argv[1] : "";
    portlid::cli::SystemBackend backend;
    portlid::cli::ProcessConsole console;
    portlid::cli::Context context{backend, console, {}, {}};
    context.flags.socket = portlid::cli::kDefaultSocket;
    const auto tree = portlid::cli::make_tree(context);
    if (part != "client" && part != "sensor" && part != "common") {
        std::fputs("usage: manual client|sensor|common\n", stderr);
        return 2;
    }
    const auto text = part == "common" ? common(*tree) : verbs(*tree, part == "sensor");
    return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
