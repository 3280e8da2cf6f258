// SPDX-License-Identifier: Apache-2.0
// Verb and Option over CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/context.hpp"

namespace portlid::cli {

namespace {

std::string judge_choice(const std::string& words, const std::string& word) {
    const auto known = split(words, '|');
    if (std::find(known.begin(), known.end(), word) != known.end()) return {};
    const auto near = nearest(word, known);
    return "`" + printable(word, 64) + "` is not one of " + words +
           (near.empty() ? "" : "; did you mean `" + near + "`?");
}

std::string judge_duration(const std::string& word) {
    if (parse_duration(word)) return {};
    return "`" + printable(word, 64) + "` is not a duration; write 30s, 10m, 24h or 7d";
}

}  // namespace

Option& Option::required() {
    option_->required();
    return *this;
}

Option& Option::expected(int least, int most) {
    option_->expected(least, most);
    return *this;
}

Option& Option::show_default() {
    option_->capture_default_str();
    return *this;
}

Option& Option::needs(const Option& other) {
    option_->needs(other.option_);
    return *this;
}

Option& Option::excludes(const Option& other) {
    option_->excludes(other.option_);
    return *this;
}

Option& Option::on_value(std::function<void()> heard) {
    option_->each([heard = std::move(heard)](const std::string&) { heard(); });
    return *this;
}

Verb Verb::verb(const VerbText& text) {
    auto* added = app_->add_subcommand(text.name, text.summary)->group(text.group);
    if (*text.examples != '\0') added->footer(std::string("Examples:\n") + text.examples);
    added->require_subcommand(0, 1);
    Verb below(*added, *context_);
    below.add_common();
    return below;
}

void Verb::add_common() {
    auto& flags = context_->flags;
    choice("-o,--output", flags.output, kFormats, "How to print data");
    choice("--color", flags.color, "auto|always|never", "When to use colour (also NO_COLOR)");
    value("--socket", flags.socket, "FILE", "The sensor's control socket (also PORTLID_SOCKET)");
}

Option Verb::flag(const std::string& name, bool& value, const std::string& help) {
    return Option(app_->add_flag(name, value, help));
}

Option Verb::value(const std::string& name, std::string& value, const std::string& type,
                   const std::string& help) {
    return Option(app_->add_option(name, value, help)->type_name(type));
}

Option Verb::value(const std::string& name, std::filesystem::path& value, const std::string& type,
                   const std::string& help) {
    return Option(app_->add_option(name, value, help)->type_name(type));
}

Option Verb::values(const std::string& name, std::vector<std::string>& values,
                    const std::string& type, const std::string& help) {
    return Option(app_->add_option(name, values, help + " (repeat)")
                      ->type_name(type)
                      ->allow_extra_args(false)
                      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
}

Option Verb::choice(const std::string& name, std::string& value, const std::string& words,
                    const std::string& help) {
    const auto judge = [words](const std::string& word) { return judge_choice(words, word); };
    return Option(app_->add_option(name, value, help)
                      ->type_name(words)
                      ->check(CLI::Validator(judge, "", "choice")));
}

Option Verb::duration(const std::string& name, std::string& value, const std::string& help) {
    return Option(app_->add_option(name, value, help)
                      ->type_name("DURATION")
                      ->check(CLI::Validator(judge_duration, "", "duration")));
}

Option Verb::count(const std::string& name, std::uint64_t& value, const std::string& help) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    return Option(app_->add_option(name, value, help)
                      ->type_name("N")
                      ->check(CLI::Range(std::uint64_t{1}, kMost)));
}

Option Verb::words(const std::string& name, std::vector<std::string>& values,
                   const std::string& help) {
    return Option(app_->add_option(name, values, help));
}

Option Verb::word(const std::string& name, std::string& value, const std::string& help) {
    return Option(app_->add_option(name, value, help));
}

void Verb::on_run(Action action) {
    app_->callback([context = context_, action = std::move(action)] { context->action = action; });
}

}  // namespace portlid::cli
