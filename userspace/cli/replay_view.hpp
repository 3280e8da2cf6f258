// SPDX-License-Identifier: Apache-2.0
// What a replay found, for people. Pure.
#pragma once

#include <string>

#include "learn/replay.hpp"

namespace portlid::cli {

// "replay of 7d: ..." and a table of what would be judged differently; at most 200 lines.
[[nodiscard]] std::string replay_text(const learn::Replayed& replayed, const std::string& length,
                                      bool color, std::size_t width);

}  // namespace portlid::cli
