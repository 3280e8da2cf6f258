// SPDX-License-Identifier: Apache-2.0
// Shell completion, made from the tree of verbs: a flag that exists completes, one that is gone
// does not, and nobody keeps a list by hand. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace portlid::cli {

struct CompletionFlag {
    std::vector<std::string> names;  // "-o", "--output"
    std::string help;
    bool takes_value = false;
    bool is_path = false;
    std::vector<std::string> choices;
};

// One verb, or the program itself (empty path).
struct CompletionVerb {
    std::string path;  // "policy check"
    std::string help;
    std::vector<std::string> verbs;    // names directly below
    std::vector<std::string> choices;  // of a positional word
    std::vector<CompletionFlag> flags;
};

[[nodiscard]] std::vector<CompletionVerb> completion_verbs(const CLI::App& root);

[[nodiscard]] std::string bash_completion(const std::vector<CompletionVerb>& verbs);
[[nodiscard]] std::string zsh_completion(const std::vector<CompletionVerb>& verbs);
[[nodiscard]] std::string fish_completion(const std::vector<CompletionVerb>& verbs);

}  // namespace portlid::cli
