// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "inventory/exposure.hpp"

namespace portlid::inventory {

// Items for the service ports of input.policy on which none of `items` (in the sensor's namespace)
// listens. Family is ipv4 by convention: the port stands for both.
[[nodiscard]] std::vector<Exposure> unused_ports(const JoinInput& input,
                                                 const std::vector<Exposure>& items);

}  // namespace portlid::inventory
