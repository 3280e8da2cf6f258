// SPDX-License-Identifier: Apache-2.0
// `portlid status`.
#include "cli/document.hpp"
#include "cli/status_view.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kExamples =
    "  portlid status           mode, policy, hooks, interfaces, losses, sinks\n"
    "  portlid status -o wide   counters by reason too\n"
    "  portlid status -o json   for scripts; exit code 3 when no sensor runs";

Result<ExitCode> show_status(Context& context) {
    const auto describe = [&context](const Json& document, OutputFormat format) {
        return status_text(
            document, {format == OutputFormat::Wide, context.color(), context.console.out_width()});
    };
    return show_document(context, "/v1/status", describe, {OutputFormat::Wide});
}

}  // namespace

void add_status(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"status", "Watch", "What the sensor does and how well", kExamples});
    verb.callback([&context] { context.action = [&context] { return show_status(context); }; });
}

}  // namespace portlid::cli
