// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>
#include <numeric>

namespace portlid::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;

const char* escape_of(Color color) {
    switch (color) {
        case Color::Red:
            return "\x1b[31;1m";
        case Color::Green:
            return "\x1b[32m";
        case Color::Yellow:
            return "\x1b[33m";
        case Color::Dim:
            return "\x1b[2m";
        case Color::Bold:
            return "\x1b[1m";
        case Color::None:
            break;
    }
    return "";
}

bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

std::string cut(const std::string& text, std::size_t columns) {
    if (columns_of(text) <= columns) return text;
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end)
        if (begins_character(text[end]) && ++seen == columns) break;
    return text.substr(0, end) + "…";
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string csv_title(std::string title) {
    for (auto& c : title) {
        if (c == ' ' || c == '-') c = '_';
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return title;
}

void trim_right(std::string& line) {
    line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string paint(std::string_view text, Color color, bool on) {
    if (!on || color == Color::None) return std::string(text);
    return escape_of(color) + std::string(text) + "\x1b[0m";
}

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

void Table::add(std::vector<Cell> row) {
    row.resize(columns_.size());
    rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t widest = columns_of(columns_[i].title);
        for (const auto& row : rows_) widest = std::max(widest, columns_of(row[i].text));
        all.push_back(widest);
    }
    auto total = std::accumulate(all.begin(), all.end(), kGap * (all.size() - 1));
    while (limit != 0 && total > limit) {
        std::size_t* widest = nullptr;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (columns_[i].may_cut && all[i] > kNarrowest && (!widest || all[i] > *widest))
                widest = &all[i];
        if (widest == nullptr) break;
        --*widest;
        --total;
    }
    return all;
}

std::string Table::aligned(bool color, std::size_t width) const {
    const auto wide = widths(width);
    const auto line_of = [&](auto cell_at) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Cell cell = cell_at(i);
            const auto shown = columns_[i].may_cut ? cut(cell.text, wide[i]) : cell.text;
            const std::string fill(wide[i] - std::min(wide[i], columns_of(shown)), ' ');
            if (i > 0) line.append(kGap, ' ');
            const auto painted = paint(shown, cell.color, color);
            line += columns_[i].right ? fill + painted : painted + fill;
        }
        trim_right(line);
        return line + "\n";
    };
    std::string out = line_of([&](std::size_t i) { return Cell(columns_[i].title, Color::Bold); });
    for (const auto& row : rows_) out += line_of([&](std::size_t i) { return row[i]; });
    return out;
}

std::string Table::csv() const {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i)
        out += (i > 0 ? "," : "") + csv_title(columns_[i].title);
    out += "\r\n";
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i)
            out += (i > 0 ? "," : "") + csv_field(row[i].text);
        out += "\r\n";
    }
    return out;
}

}  // namespace portlid::cli
