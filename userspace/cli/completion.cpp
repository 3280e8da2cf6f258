// SPDX-License-Identifier: Apache-2.0
// `portlid completion bash|zsh|fish`.
#include "cli/completion.hpp"

#include "cli/context.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kCompletionExamples =
    "  source <(portlid completion bash)\n"
    "  portlid completion zsh > ~/.zfunc/_portlid\n"
    "  portlid completion fish | source";

}  // namespace

void add_completion(CLI::App& root, Context& context) {
    auto& verb =
        add_verb(root, context,
                 {"completion", "Help", "Print a shell's completion script", kCompletionExamples});
    const auto shell = std::make_shared<std::string>();
    add_choice(verb, "SHELL", *shell, "bash|zsh|fish", "Which shell")->required();
    verb.callback([shell, &root, &context] {
        context.action = [shell, &root, &context]() -> Result<ExitCode> {
            const auto verbs = completion_verbs(root);
            context.console.out(*shell == "bash"  ? bash_completion(verbs)
                                : *shell == "zsh" ? zsh_completion(verbs)
                                                  : fish_completion(verbs));
            return context.done();
        };
    });
}

}  // namespace portlid::cli
