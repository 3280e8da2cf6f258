// SPDX-License-Identifier: Apache-2.0
// Byte-level checks before any parser sees the text. A reviewer must see what the loader sees, so
// characters that hide or reorder text are refused even inside comments.
#include <fmt/format.h>

#include "policy/document.hpp"

namespace portlid::policy {

namespace {

struct Character {
    char32_t code = 0;
    std::size_t length = 0;  // 0 = not UTF-8
};

std::size_t length_from_lead(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

Character next_character(std::string_view rest) {
    const auto lead = static_cast<unsigned char>(rest.front());
    const auto length = length_from_lead(lead);
    if (length <= 1) return {lead, length};
    if (rest.size() < length) return {};
    char32_t code = lead & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(rest[i]);
        if ((byte & 0xc0U) != 0x80) return {};
        code = code << 6U | (byte & 0x3fU);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (code < kLeast[length] || code > 0x10ffff || surrogate) return {};
    return {code, length};
}

bool invisible(char32_t code) {
    if (code < 0x20) return code != '\t' && code != '\n';
    return (code >= 0x7f && code < 0xa0) || code == 0x061c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

}  // namespace

bool check_text(std::string_view text, const std::string& file, Report& report) {
    Place place{file, 1, 1};
    for (std::size_t at = 0; at < text.size();) {
        const auto [code, length] = next_character(text.substr(at));
        if (length == 0) {
            report.error(place, "the file is not UTF-8", "save it as UTF-8 and try again");
            return false;
        }
        const bool line_end = text.substr(at, 2) == "\r\n";
        if (!line_end && invisible(code)) {
            report.error(place,
                         fmt::format("invisible character U+{:04X}", static_cast<unsigned>(code)),
                         "delete it; what a reviewer cannot see may not be in a policy");
            return false;
        }
        at += length;
        place.column += static_cast<unsigned>(length);
        if (code == '\n') place = {file, place.line + 1, 1};
    }
    return true;
}

}  // namespace portlid::policy
