// SPDX-License-Identifier: Apache-2.0
// ns a packet by test_run: an empty program, xdp-filter, Portlid by reason and policy size.
#pragma once

#include "bench/machine.hpp"
#include "bench/runner.hpp"

namespace portlid::bench {

struct VerdictOptions {
    RunOptions run;
    std::vector<std::uint32_t> sizes{10, 1000, 10000, 100000, 1000000};
};

[[nodiscard]] Result<> measure_verdicts(const Machine& machine, const VerdictOptions& options,
                                        Results& results);

// "10", "1k", "1M".
[[nodiscard]] std::string size_text(std::uint32_t count);

}  // namespace portlid::bench
