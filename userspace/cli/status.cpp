// SPDX-License-Identifier: Apache-2.0
// `portlid status`.
#include "cli/document.hpp"
#include "cli/status_view.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kStatusExamples =
    "  portlid status           mode, policy, hooks, interfaces, losses, sinks\n"
    "  portlid status -v        counters by reason, and which rules are ripe to enforce\n"
    "  portlid status -o json   for scripts; exit code 3 when no sensor runs";

Result<ExitCode> show_status(Context& context, bool verbose) {
    const auto describe = [&context, verbose](const Json& document, OutputFormat format) {
        return status_text(document, {verbose || format == OutputFormat::Wide, context.color(),
                                      context.console.out_width()});
    };
    return show_document(context, "/v1/status", describe, {OutputFormat::Wide});
}

}  // namespace

void add_status(CLI::App& root, Context& context) {
    auto& verb = add_verb(
        root, context, {"status", "Watch", "What the sensor does and how well", kStatusExamples});
    const auto verbose = std::make_shared<bool>(false);
    verb.add_flag("-v,--verbose", *verbose, "As -o wide: reasons and rules too");
    verb.callback([verbose, &context] {
        context.action = [verbose, &context] { return show_status(context, *verbose); };
    });
}

}  // namespace portlid::cli
