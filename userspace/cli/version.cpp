// SPDX-License-Identifier: Apache-2.0
#include "abi/types.h"
#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

namespace {

Result<ExitCode> show_version(Context& context) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const std::string version = PORTLID_VERSION;
    context.console.out(*format == OutputFormat::Table
                            ? "portlid " + version + "\n"
                            : Json{{"version", version}, {"abi", PORTLID_ABI_VERSION}}.dump() +
                                  "\n");
    return context.done();
}

}  // namespace

void add_version(CLI::App& root, Context& context) {
    auto& verb = add_verb(
        root, context,
        {"version", "Help", "Print the version", "  portlid version\n  portlid version -o json"});
    verb.callback([&context] { context.action = [&context] { return show_version(context); }; });
    root.add_flag_callback(
        "--version", [&context] { context.action = [&context] { return show_version(context); }; },
        "Print the version");
}

}  // namespace portlid::cli
