// SPDX-License-Identifier: Apache-2.0
// Typed access to nodes: every mismatch becomes one diagnostic that names what was expected, and
// the caller goes on with the next thing. A missing value (nullopt) has always been reported.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "policy/document.hpp"

namespace portlid::policy {

class MapReader {
public:
    // Reports a node that is no map and every key that is not `known`. `what` names the map in
    // messages: "a service".
    MapReader(const YamlNode& node, std::string_view what,
              std::initializer_list<std::string_view> known, Report& report);

    [[nodiscard]] bool ok() const { return is_map_; }
    // nullptr when absent.
    [[nodiscard]] const YamlNode* find(std::string_view key) const;
    // The same, but absence is an error.
    [[nodiscard]] const YamlNode* need(std::string_view key) const;

private:
    const YamlNode& node_;
    std::string_view what_;
    Report& report_;
    bool is_map_;
};

// Text without control characters; `what` names it: "the zone's mode".
[[nodiscard]] std::optional<std::string> read_text(const YamlNode& node, std::string_view what,
                                                   Report& report);
[[nodiscard]] std::optional<bool> read_bool(const YamlNode& node, std::string_view what,
                                            Report& report);
// Index into `words`, or an error with did-you-mean.
[[nodiscard]] std::optional<std::size_t> read_word(const YamlNode& node, std::string_view what,
                                                   std::initializer_list<std::string_view> words,
                                                   Report& report);
// Calls `each` for the items of a list; reports anything else. `empty_ok`: [] is meaningful.
void read_list(const YamlNode& node, std::string_view what, bool empty_ok, Report& report,
               const std::function<void(const YamlNode&)>& each);
// "did you mean `x`?" or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string_view>& words);

}  // namespace portlid::policy
