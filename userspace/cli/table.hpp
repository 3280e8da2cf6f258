// SPDX-License-Identifier: Apache-2.0
// Aligned columns for people and CSV for spreadsheets, from the same rows. No box drawing, no
// wrapping; cut to a width only when one is given (a terminal).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portlid::cli {

enum class Color : std::uint8_t { None, Red, Green, Yellow, Dim, Bold };
// The text in that colour, or as it is when `on` is false.
[[nodiscard]] std::string paint(std::string_view text, Color color, bool on);

struct Cell {
    std::string text;
    Color color = Color::None;
    Cell(std::string content = {}, Color shade = Color::None)  // NOLINT: a text is a cell
        : text(std::move(content)), color(shade) {}
    Cell(const char* content) : text(content) {}  // NOLINT
};

struct Column {
    std::string title;
    bool right = false;  // numbers
    bool may_cut = false;
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    // Short rows are filled up with empty cells.
    void add(std::vector<Cell> row);
    [[nodiscard]] bool empty() const { return rows_.empty(); }

    [[nodiscard]] std::string aligned(bool color, std::size_t width = 0) const;
    [[nodiscard]] std::string csv() const;  // RFC 4180, titles in lower case with underscores

private:
    [[nodiscard]] std::vector<std::size_t> widths(std::size_t limit) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

// Columns that UTF-8 text takes, one for each character.
[[nodiscard]] std::size_t columns_of(std::string_view text);

}  // namespace portlid::cli
