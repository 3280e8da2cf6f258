// SPDX-License-Identifier: Apache-2.0
#include "policy/owners.hpp"

#include "policy/plan.hpp"

namespace portlid::policy {

std::string owner_text(const Owner& owner) {
    std::string out;
    for (const auto& [kind, value] : owner.matches) {
        if (!out.empty()) out += ", ";
        out += kind + ": " + value;
    }
    return out;
}

std::uint64_t owner_key(const Owner& owner) {
    std::string text = "owner";
    for (const auto& [kind, value] : owner.matches)
        text += '\n' + kind + '=' + std::to_string(value.size()) + ':' + value;
    const auto key = name_hash(text);
    return key == 0 ? 1 : key;
}

}  // namespace portlid::policy
