// SPDX-License-Identifier: Apache-2.0
// Text that came from somebody else, made safe to show: comm, container names, paths.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portlid {

// Valid UTF-8 without control characters, bidi overrides or line breaks; what is not becomes
// \u00XX (controls, bidi) or U+FFFD (invalid bytes). At most `limit_bytes`, cut on a character.
[[nodiscard]] std::string printable(std::string_view untrusted, std::size_t limit_bytes = 4096);

// The same for text of several lines: its line breaks stay.
[[nodiscard]] std::string printable_lines(std::string_view untrusted, std::size_t limit_bytes);

// The bytes of a fixed-size char array up to its first NUL.
template <std::size_t N>
[[nodiscard]] std::string_view fixed_text(const char (&array)[N]) {
    std::size_t length = 0;
    while (length < N && array[length] != '\0') ++length;
    return {array, length};
}

// The candidate nearest to `word` by edit distance, if near enough to be what was meant.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string_view> words);

// Shell-style match with * and ?; no character classes.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

// Without blanks, tabs and carriage returns at its ends; still part of `text`.
[[nodiscard]] std::string_view trim(std::string_view text);

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace portlid
