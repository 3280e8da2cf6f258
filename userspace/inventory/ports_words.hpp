// SPDX-License-Identifier: Apache-2.0
// The words that table and CSV share.
#pragma once

#include <string>

#include "inventory/exposure.hpp"

namespace portlid::inventory {

[[nodiscard]] std::string protocol_word(const Exposure& item);
// The container's name, else its id's first 12 digits, else the program.
[[nodiscard]] std::string holder_word(const Exposure& item);

}  // namespace portlid::inventory
