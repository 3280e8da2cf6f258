// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "cli/completion.hpp"

namespace portlid::cli {

namespace {

// add_choice() writes the words that a value may have as its type: "table|wide|json".
std::vector<std::string> choices_of(const CLI::Option& option) {
    const auto type = option.get_type_name();
    if (type.find('|') == std::string::npos) return {};
    std::vector<std::string> words;
    for (const auto word : split(type, '|')) words.emplace_back(word);
    return words;
}

CompletionFlag flag_of(const CLI::Option& option) {
    CompletionFlag flag;
    for (const auto& name : option.get_snames()) flag.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) flag.names.push_back("--" + name);
    flag.help = option.get_description();
    flag.takes_value = option.get_items_expected_max() > 0;
    flag.is_path = option.get_type_name() == "FILE" || option.get_type_name() == "DIR";
    flag.choices = choices_of(option);
    return flag;
}

void collect(const CLI::App& app, const std::string& path, std::vector<CompletionVerb>& into) {
    CompletionVerb verb;
    verb.path = path;
    verb.help = app.get_description();
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            const auto words = choices_of(*option);
            verb.choices.insert(verb.choices.end(), words.begin(), words.end());
        } else {
            verb.flags.push_back(flag_of(*option));
        }
    }
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    for (const auto* one : below) verb.verbs.push_back(one->get_name());
    into.push_back(std::move(verb));
    for (const auto* one : below)
        collect(*one, path.empty() ? one->get_name() : path + " " + one->get_name(), into);
}

}  // namespace

std::vector<CompletionVerb> completion_verbs(const CLI::App& root) {
    std::vector<CompletionVerb> verbs;
    collect(root, "", verbs);
    return verbs;
}

}  // namespace portlid::cli
