// SPDX-License-Identifier: Apache-2.0
// The two tables that say which addresses are this host's: local_addresses holds all of them,
// own_buckets most of them where a packet finds them without a hash look-up.
#pragma once

#include <set>

#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::kernel {

struct OwnAddressMaps {
    int all = -1;          // local_addresses
    int buckets = -1;      // own_buckets
    std::size_t room = 0;  // of local_addresses
};

// Brings both to exactly `addresses`; whether anything had to be written. What stays is never
// missing meanwhile, and keeps its place.
[[nodiscard]] Result<bool> write_own_addresses(const OwnAddressMaps& maps,
                                               const std::set<IpAddress>& addresses);

}  // namespace portlid::kernel
