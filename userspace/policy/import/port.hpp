// SPDX-License-Identifier: Apache-2.0
// A port as other firewalls' files write it. Used inside this room only.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace portlid::policy {

// 1 to 65535, decimal, nothing before or behind it.
[[nodiscard]] inline std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || text.empty() || value == 0)
        return std::nullopt;
    return value;
}

}  // namespace portlid::policy
