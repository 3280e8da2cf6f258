// SPDX-License-Identifier: Apache-2.0
// What the pages of the control API share: numbers of a query, documents as one line.
#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace portlid::app {

// The whole of `text` as a number; none when it is empty, too large or anything else.
template <class Number>
[[nodiscard]] std::optional<Number> number_in(const std::string& text) {
    Number value{};
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

// Bytes that are no UTF-8 are replaced.
[[nodiscard]] inline std::string one_line(const nlohmann::ordered_json& document) {
    return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace portlid::app
