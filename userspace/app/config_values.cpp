// SPDX-License-Identifier: Apache-2.0
#include "app/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "policy/reader.hpp"
#include "policy/values.hpp"

namespace portlid::app {

using policy::quote;
using policy::Report;
using policy::YamlNode;

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t amount = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, amount);
    if (error != std::errc()) return std::nullopt;
    const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
    constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
    const auto* const found = std::find(std::begin(kUnits), std::end(kUnits), unit);
    if (found == std::end(kUnits)) return std::nullopt;
    const auto shift = static_cast<unsigned>(10 * (found - std::begin(kUnits)));
    if (amount > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
    return amount << shift;
}

std::optional<std::uint64_t> read_size(const YamlNode& node, std::string_view what,
                                       Report& report) {
    const auto text = policy::read_text(node, what, report);
    if (!text) return std::nullopt;
    const auto size = parse_size(*text);
    if (!size)
        report.error(node.place, fmt::format("{} {} is not a size", what, quote(*text)),
                     "write 512KiB, 100MiB or 1GiB");
    return size;
}

std::optional<std::uint64_t> read_count(const YamlNode& node, std::string_view what,
                                        Report& report) {
    const auto text = policy::read_text(node, what, report);
    if (!text) return std::nullopt;
    std::uint32_t value = 0;
    const auto* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (error == std::errc() && stop == end) return value;
    report.error(node.place, fmt::format("{} {} is not a number", what, quote(*text)),
                 "write a whole number");
    return std::nullopt;
}

}  // namespace portlid::app
