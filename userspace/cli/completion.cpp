// SPDX-License-Identifier: Apache-2.0
// `portlid completion bash|zsh|fish`.
#include "cli/completion.hpp"

#include <memory>

#include "cli/context.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kExamples =
    "  source <(portlid completion bash)\n"
    "  portlid completion zsh > ~/.zfunc/_portlid\n"
    "  portlid completion fish | source";

}  // namespace

void add_completion(Verb& root, Context& context, const CLI::App& tree) {
    auto verb = root.verb({"completion", "Help", "Print a shell's completion script", kExamples});
    const auto shell = std::make_shared<std::string>();
    verb.choice("SHELL", *shell, "bash|zsh|fish", "Which shell").required();
    verb.on_run([shell, &tree, &context]() -> Result<ExitCode> {
        const auto verbs = completion_verbs(tree);
        context.console.out(*shell == "bash"  ? bash_completion(verbs)
                            : *shell == "zsh" ? zsh_completion(verbs)
                                              : fish_completion(verbs));
        return context.done();
    });
}

}  // namespace portlid::cli
