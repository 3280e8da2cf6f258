// SPDX-License-Identifier: Apache-2.0
// The exposure table for people and for spreadsheets. Names in it are other people's; they are
// shown through printable(), and no cell can start a spreadsheet formula.
#pragma once

#include <string>
#include <vector>

#include "inventory/exposure.hpp"

namespace portlid::inventory {

struct TableStyle {
    bool color = false;     // verdicts only; the words are there without it
    std::size_t width = 0;  // lines are cut to this many columns; 0 = never
    bool wide = false;      // pid, user, unit, container id, image and namespace too
};

// Header, one line an item, and a closing summary with the next command.
[[nodiscard]] std::string ports_table(const std::vector<Exposure>& exposures,
                                      const TableStyle& style = {});
// RFC 4180 with a header line; reach as "zone=now/enforced" joined by spaces.
[[nodiscard]] std::string ports_csv(const std::vector<Exposure>& exposures);

}  // namespace portlid::inventory
