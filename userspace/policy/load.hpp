// SPDX-License-Identifier: Apache-2.0
// Policy text -> model, strictly (contract §3). Needs no privileges; touches only the named files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace portlid::policy {

// One refusal, pointing at the text that caused it.
struct Diagnostic {
    std::string file;
    unsigned line = 0;    // 1-based; 0 = the file as a whole
    unsigned column = 0;  // 1-based
    std::string message;  // what and why
    std::string hint;     // did-you-mean or the next thing to do; may be empty
    bool warning = false;
    std::string source_line;  // the line of text it points at; may be empty
};
// "policy.yaml:6:11: unknown key `prots`" without the hint.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

struct LoadOutcome {
    Policy policy;                        // meaningful only when ok()
    std::vector<Diagnostic> diagnostics;  // every error found, in file order, and warnings
    std::string text_hash;                // sha256 of the policy file, includes and set files
    [[nodiscard]] bool ok() const;        // no error among the diagnostics
};

struct LoadOptions {
    bool strict = false;  // warnings are errors
    // The daemon refuses a file that is a symlink or writable by group or others; `policy check`
    // run by a user on his own draft does not.
    bool check_ownership = false;
};

[[nodiscard]] LoadOutcome load_file(const std::filesystem::path& path, LoadOptions options = {});
// The same from memory; `name` is what diagnostics call it, `directory` anchors include and set
// files.
[[nodiscard]] LoadOutcome load_text(std::string_view text, const std::string& name,
                                    const std::filesystem::path& directory,
                                    LoadOptions options = {});

}  // namespace portlid::policy
