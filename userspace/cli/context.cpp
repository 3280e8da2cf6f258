// SPDX-License-Identifier: Apache-2.0
#include "cli/context.hpp"

#include <algorithm>
#include <array>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace portlid::cli {

namespace {

struct FormatName {
    std::string_view name;
    OutputFormat format;
};
constexpr std::array<FormatName, 6> kFormatNames = {{{"table", OutputFormat::Table},
                                                     {"wide", OutputFormat::Wide},
                                                     {"json", OutputFormat::Json},
                                                     {"jsonl", OutputFormat::JsonLines},
                                                     {"csv", OutputFormat::Csv},
                                                     {"tap", OutputFormat::Tap}}};

std::string_view name_of(OutputFormat format) {
    const auto* const found =
        std::find_if(kFormatNames.begin(), kFormatNames.end(),
                     [&](const FormatName& one) { return one.format == format; });
    return found->name;
}

void add_common(CLI::App& verb, Context& context) {
    auto& flags = context.flags;
    add_choice(verb, "-o,--output", flags.output, kFormats, "How to print data");
    add_choice(verb, "--color", flags.color, "auto|always|never",
               "When to use colour (also NO_COLOR)");
    verb.add_option("--socket", flags.socket, "The sensor's control socket (also PORTLID_SOCKET)")
        ->type_name("FILE");
}

}  // namespace

bool Context::color() const {
    return console.color(flags.color == "always"  ? ColorChoice::Always
                         : flags.color == "never" ? ColorChoice::Never
                                                  : ColorChoice::Auto);
}

Result<OutputFormat> Context::format(const std::vector<OutputFormat>& allowed) const {
    std::string usable;
    for (const auto one : allowed) {
        if (name_of(one) == flags.output) return one;
        usable += (usable.empty() ? "" : ", ") + std::string(name_of(one));
    }
    return fail("this verb has no form `" + flags.output + "`", "-o takes " + usable + " here",
                ExitCode::Usage);
}

Result<ExitCode> Context::done(ExitCode code) const {
    if (auto written = console.out_result(); !written) return pass_on(std::move(written).error());
    return code;
}

CLI::App& add_verb(CLI::App& parent, Context& context, const VerbText& verb) {
    auto* added = parent.add_subcommand(verb.name, verb.summary)->group(verb.group);
    if (*verb.examples != '\0') added->footer(std::string("Examples:\n") + verb.examples);
    added->require_subcommand(0, 1);
    add_common(*added, context);
    return *added;
}

CLI::Option* add_choice(CLI::App& verb, const std::string& name, std::string& value,
                        const std::string& words, const std::string& help) {
    const auto judge = [words](const std::string& word) -> std::string {
        const auto known = split(words, '|');
        if (std::find(known.begin(), known.end(), word) != known.end()) return {};
        const auto near = nearest(word, known);
        return "`" + printable(word, 64) + "` is not one of " + words +
               (near.empty() ? "" : "; did you mean `" + near + "`?");
    };
    return verb.add_option(name, value, help)
        ->type_name(words)
        ->check(CLI::Validator(judge, "", "choice"));
}

CLI::Option* add_duration(CLI::App& verb, const std::string& name, std::string& value,
                          const std::string& help) {
    const auto judge = [](const std::string& word) -> std::string {
        if (parse_duration(word)) return {};
        return "`" + printable(word, 64) + "` is not a duration; write 30s, 10m, 24h or 7d";
    };
    return verb.add_option(name, value, help)
        ->type_name("DURATION")
        ->check(CLI::Validator(judge, "", "duration"));
}

}  // namespace portlid::cli
