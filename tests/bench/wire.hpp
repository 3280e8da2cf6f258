// SPDX-License-Identifier: Apache-2.0
// End to end: CPU ns that the receiving side spends on each dropped packet, over veth pairs, for
// Portlid and for what else could drop it there.
#pragma once

#include "bench/machine.hpp"
#include "bench/results.hpp"

namespace portlid::bench {

struct WireOptions {
    unsigned rounds = 5;
    std::uint32_t packets = 300000;  // a sample
};

[[nodiscard]] Result<> measure_wire(const Machine& machine, const WireOptions& options,
                                    Results& results);

}  // namespace portlid::bench
