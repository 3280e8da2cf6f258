// SPDX-License-Identifier: Apache-2.0
// YAML text -> tree of nodes with places, keeping only the part of YAML that a policy may use:
// one document of maps, lists and scalars. Anchors, aliases, tags, duplicate keys, tab
// indentation, invisible characters and depth above 16 are refused here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/model.hpp"
#include "policy/report.hpp"

namespace portlid::policy {

struct Key {
    std::string text;
    Place place;
};

struct YamlNode {
    enum class Kind : std::uint8_t { Null, Scalar, List, Map };
    Kind kind = Kind::Null;
    Place place;
    std::string text;             // of a scalar
    bool quoted = false;          // a quoted scalar is always text
    std::vector<Key> keys;        // of a map, beside `items`
    std::vector<YamlNode> items;  // of a map or a list

    [[nodiscard]] const YamlNode* find(std::string_view key) const;
};
[[nodiscard]] const char* kind_name(const YamlNode& node);  // "a list", "a map", "empty", "text"

// No value when nothing usable could be read; errors are in `report` then. `file` names the text
// in places.
[[nodiscard]] std::optional<YamlNode> parse_document(std::string_view text, const std::string& file,
                                                     Report& report);
// Refuses what is not plain UTF-8 text: invalid bytes, control characters, marks that reorder
// what a terminal shows. Also for set files.
[[nodiscard]] bool check_text(std::string_view text, const std::string& file, Report& report);

}  // namespace portlid::policy
