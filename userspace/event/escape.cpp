// SPDX-License-Identifier: Apache-2.0
#include "event/escape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace portlid::event {
namespace {

struct CodeRange {
    char32_t first;
    char32_t last;
};
// Unicode's Cc above ASCII and the Cf and Zl/Zp characters that hide or reorder their neighbours.
constexpr CodeRange kInvisible[] = {
    {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

bool is_invisible(char32_t code) {
    for (const auto& range : kInvisible)
        if (code >= range.first && code <= range.last) return true;
    return false;
}

// The code point at `at` and its length; the text is valid UTF-8 but a cut end must not be read.
struct Decoded {
    char32_t code = 0;
    std::size_t bytes = 1;
};
Decoded decode_at(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (bytes == 1) return {lead, 1};
    // Not what a valid text holds: copied as it is, never looked behind.
    if ((lead & 0xc0U) == 0x80 || at + bytes > text.size()) return {0xfffd, 1};
    char32_t code = lead & (0xffU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i)
        code = (code << 6U) | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
    return {code, bytes};
}

void append_unit(std::string& out, std::uint32_t unit) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "\\u%04x", unit & 0xffffU);
    out += text.data();
}

void append_escaped(std::string& out, char32_t code) {
    if (code < 0x10000) {
        append_unit(out, code);
        return;
    }
    append_unit(out, 0xd800U + ((code - 0x10000U) >> 10U));
    append_unit(out, 0xdc00U + ((code - 0x10000U) & 0x3ffU));
}

}  // namespace

std::string escape_invisible(std::string_view json) {
    // Nearly every event is plain ASCII.
    const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x7f; };
    if (std::all_of(json.begin(), json.end(), plain)) return std::string(json);
    std::string out;
    out.reserve(json.size());
    for (std::size_t at = 0; at < json.size();) {
        const Decoded one = decode_at(json, at);
        if (is_invisible(one.code))
            append_escaped(out, one.code);
        else
            out.append(json.substr(at, one.bytes));
        at += one.bytes;
    }
    return out;
}

}  // namespace portlid::event
