// SPDX-License-Identifier: Apache-2.0
// Where the loader's passes put what they refuse. Collects, never throws, never prints; the
// number kept is capped so that a hostile file cannot fill memory with complaints.
#pragma once

#include <string>
#include <vector>

#include "policy/load.hpp"

namespace portlid::policy {

class Report {
public:
    // `message` and `hint` may quote the file only through quote() below.
    void error(const Place& place, std::string message, std::string hint = {});
    void warn(const Place& place, std::string message, std::string hint = {});
    void add(Diagnostic diagnostic);
    [[nodiscard]] bool has_errors() const { return errors_ != 0; }
    // Nothing more will be kept: no need to search for a good hint.
    [[nodiscard]] bool full() const;
    [[nodiscard]] std::vector<Diagnostic> take() { return std::move(diagnostics_); }

private:
    std::vector<Diagnostic> diagnostics_;
    std::size_t errors_ = 0;
};

// Somebody else's text between backquotes, safe to print and of bounded length.
[[nodiscard]] std::string quote(std::string_view text);
// "file:line" of an earlier mention.
[[nodiscard]] std::string at(const Place& place);

}  // namespace portlid::policy
