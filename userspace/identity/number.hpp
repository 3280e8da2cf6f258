// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace portlid::identity {

// The number that the whole text is, in decimal; none on signs, spaces, overflow or leftovers.
template <class T>
[[nodiscard]] std::optional<T> whole_number(std::string_view text) {
    T value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace portlid::identity
