// SPDX-License-Identifier: Apache-2.0
// Rows for iptables itself in UFW's files: which are UFW's own, which close what a rule can say,
// and what is to be told of the others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/import/draft.hpp"
#include "policy/import/first_match.hpp"

namespace portlid::policy {

struct IptablesRow {
    std::vector<std::string> words;  // without their quotes
    std::string text;                // the words with one blank between them
    std::string chain;
    std::string target;    // of -j; "" = none
    std::string protocol;  // of -p; "" = any
    bool appended = true;  // by -A
};

// None for what is no rule: comments, tables, chains, COMMIT.
[[nodiscard]] std::optional<IptablesRow> iptables_row(std::string_view line);
// As Debian's ufw ships it, in before.rules and its like or around the rules in user.rules.
[[nodiscard]] bool shipped_by_ufw(const IptablesRow& row);
[[nodiscard]] bool answers_pings(const IptablesRow& row, Family family);
// Says nothing about what may come in.
[[nodiscard]] bool about_output(const IptablesRow& row);
[[nodiscard]] bool only_logs(const IptablesRow& row);
// Something that others open may be closed by it.
[[nodiscard]] bool may_close(const IptablesRow& row);
// A drop of sources and of tcp and udp ports as a rule; none when it is about anything else.
[[nodiscard]] std::optional<MatchRule> drop_rule(const IptablesRow& row, Family family,
                                                 const std::string& where);
[[nodiscard]] Unmapped unmapped_row(const IptablesRow& row, const std::string& where);

}  // namespace portlid::policy
