// SPDX-License-Identifier: Apache-2.0
#include "cli/context.hpp"

#include <algorithm>
#include <array>

namespace portlid::cli {

namespace {

struct FormatName {
    std::string_view name;
    OutputFormat format;
};
constexpr std::array<FormatName, 5> kFormatNames = {{{"table", OutputFormat::Table},
                                                     {"wide", OutputFormat::Wide},
                                                     {"json", OutputFormat::Json},
                                                     {"jsonl", OutputFormat::JsonLines},
                                                     {"csv", OutputFormat::Csv}}};

std::string_view name_of(OutputFormat format) {
    const auto* const found =
        std::find_if(kFormatNames.begin(), kFormatNames.end(),
                     [&](const FormatName& one) { return one.format == format; });
    return found->name;
}

}  // namespace

bool Context::color() const {
    return console.color(flags.color == "always"  ? ColorChoice::Always
                         : flags.color == "never" ? ColorChoice::Never
                                                  : ColorChoice::Auto);
}

Result<OutputFormat> Context::format(std::initializer_list<OutputFormat> allowed) const {
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

}  // namespace portlid::cli
