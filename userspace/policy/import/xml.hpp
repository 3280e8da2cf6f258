// SPDX-License-Identifier: Apache-2.0
// The small part of XML that firewalld's files use, as a tree. No document type, so no entities and
// nothing that is fetched; depth and number of elements are bounded.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace portlid::policy {

struct XmlElement {
    std::string name;
    std::map<std::string, std::string> attributes;
    std::vector<XmlElement> children;
    std::string text;  // its own, children's left out
    unsigned line = 0;

    [[nodiscard]] const XmlElement* find(std::string_view child) const;
    [[nodiscard]] std::string attribute(const std::string& key) const;  // "" = absent
};

// The root element. The error says the line.
[[nodiscard]] Result<XmlElement> parse_xml(const std::string& text, const std::string& shown);

}  // namespace portlid::policy
