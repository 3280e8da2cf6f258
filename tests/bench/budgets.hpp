// SPDX-License-Identifier: Apache-2.0
// The budgets (a merge must not fall through them) and the goals (the aim), as ratios of medians
// of one run.
#pragma once

#include <string>
#include <vector>

#include "bench/results.hpp"

namespace portlid::bench {

struct Bound {
    std::string name;  // "B3", "G2"
    std::string sentence;
    std::string measured;  // id of the row
    std::string base;      // what it is divided by; empty: the figure itself
    double limit = 0;
    bool at_least = false;  // the ratio must not be smaller (how much cheaper than a rival)
    std::string minus;      // id of a row that is taken off before; may be empty
};
[[nodiscard]] const std::vector<Bound>& bounds();

struct Judged {
    const Bound* bound = nullptr;
    bool measured = false;
    bool met = false;
    double value = 0;
};
[[nodiscard]] std::vector<Judged> judge(const Results& results);
[[nodiscard]] std::string to_table(const std::vector<Judged>& judged);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Judged>& judged);
// Names of measured budgets that are not met; goals never count.
[[nodiscard]] std::vector<std::string> broken_budgets(const std::vector<Judged>& judged);

}  // namespace portlid::bench
