// SPDX-License-Identifier: GPL-2.0-only
// One cheap hash of an address, the same in the kernel and in the policy compiler: it places
// `addresses:` in image.destinations and spreads sources over budget buckets. Not keyed: a
// collision costs a probe or shares a budget, it never changes whose rule decides.
#pragma once

#include "abi/maps.h"
#include "lib/address.h"

static __always_inline __u32 hash_address(const struct ip_bytes* address) {
    __u64 halves[2], low, high, mixed;
    load_halves(address, halves);
    high = halves[0];
    low = halves[1];
    mixed = (low ^ (high << 1)) * 0x9e3779b97f4a7c15ull;
    mixed ^= mixed >> 29;
    mixed = (mixed + high) * 0xbf58476d1ce4e5b9ull;
    return (__u32)(mixed >> 32);
}

// Which of own_buckets an address belongs to: its top bits spread whole subnets evenly, and one
// multiplication is all it costs, twice a packet.
static __always_inline __u32 own_bucket_of(const struct ip_bytes* address) {
    __u64 halves[2];
    load_halves(address, halves);
    return (__u32)(((halves[1] ^ (halves[0] << 1)) * 0x9e3779b97f4a7c15ull) >> OWN_BUCKET_SHIFT);
}

// IPv4 sources count one by one, IPv6 by /64: whoever has an address there has all of them.
static __always_inline void budget_source(const struct ip_bytes* source, struct ip_bytes* to) {
    __u64 halves[2];
    load_halves(source, halves);
    if (halves[0]) halves[1] = 0;  // IPv4-mapped addresses begin with eight zero bytes
    __builtin_memcpy(to->bytes, halves, 16);
}
