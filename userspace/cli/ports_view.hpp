// SPDX-License-Identifier: Apache-2.0
// The exposure table: `portlid ports` and `portlid run --once` show the same document
// (contract §5, portlid.ports/v1) through this one renderer. Pure.
#pragma once

#include <string>

#include "cli/json_access.hpp"
#include "cli/table.hpp"

namespace portlid::cli {

struct PortsStyle {
    bool wide = false;
    bool color = false;
    bool all = false;       // sockets inside containers too
    std::size_t width = 0;  // of the terminal; 0 = do not cut
};

[[nodiscard]] Table ports_table(const Json& document, const PortsStyle& style);
// "2 exposed, 9 ok. ..." with the next thing to type; for people, after the table.
[[nodiscard]] std::string ports_summary(const Json& document, const PortsStyle& style);

}  // namespace portlid::cli
