// SPDX-License-Identifier: Apache-2.0
// `routed:` upon the networks that the host has: which container addresses may be reached directly.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/address.hpp"

namespace portlid::policy {

// `networks` (prefix -> NETWORK_*, longest prefix counts) changes so that every container address
// inside one of the `routed` prefixes is NETWORK_ROUTED and no other address changes: a routed
// prefix may be a whole container subnet, a part of one, or cover several; what lies in none of
// them has no effect.
void open_routed(std::map<Cidr, std::uint32_t>& networks, const std::vector<Cidr>& routed);

}  // namespace portlid::policy
