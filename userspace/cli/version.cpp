// SPDX-License-Identifier: Apache-2.0
#include "abi/types.h"
#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

Result<ExitCode> show_version(Context& context) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const std::string version = PORTLID_VERSION;
    const Json document = {{"version", version}, {"abi", PORTLID_ABI_VERSION}};
    context.console.out(*format == OutputFormat::Table ? "portlid " + version + "\n"
                                                       : document.dump() + "\n");
    return context.done();
}

void add_version(Verb& root, Context& context) {
    root.verb({"version", "Help", "Print the version",
               "  portlid version\n  portlid version -o json"})
        .on_run([&context] { return show_version(context); });
}

}  // namespace portlid::cli
