// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.hpp"

#include <cstdio>
#include <ctime>

namespace portlid {

namespace {

// ".25" -> 250000000 ns; takes it from the front of `rest`.
std::int64_t take_fraction_ns(std::string_view& rest) {
    if (rest.empty() || rest.front() != '.') return 0;
    rest.remove_prefix(1);
    std::int64_t ns = 0;
    std::int64_t unit = 100'000'000;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
        ns += unit * (rest.front() - '0');
        unit /= 10;
        rest.remove_prefix(1);
    }
    return ns;
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    const std::string shown(text);
    std::tm utc{};
    int consumed = 0;
    if (std::sscanf(shown.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon,
                    &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &consumed) != 6)
        return std::nullopt;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    auto rest = std::string_view(shown).substr(static_cast<std::size_t>(consumed));
    const auto ns = take_fraction_ns(rest);
    if (rest != "Z") return std::nullopt;
    return WallTime(std::chrono::seconds(::timegm(&utc)) + std::chrono::nanoseconds(ns));
}

}  // namespace portlid
