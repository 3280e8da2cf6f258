// SPDX-License-Identifier: Apache-2.0
#include "kernel/own_addresses.hpp"

#include <algorithm>
#include <vector>

#include "abi/maps.h"
#include "kernel/map_access.hpp"
#include "lib/hash.h"

namespace portlid::kernel {

namespace {

bool same(const ip_bytes& a, const ip_bytes& b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

bool is_empty(const ip_bytes& place) {
    return same(place, ip_bytes{});
}

bool holds(const std::vector<ip_bytes>& list, const ip_bytes& address) {
    return std::any_of(list.begin(), list.end(),
                       [&](const ip_bytes& one) { return same(one, address); });
}

// `bucket` with exactly `wanted` in it, those that are there already in their places.
own_bucket refilled(own_bucket bucket, std::vector<ip_bytes> wanted) {
    for (auto& place : bucket.addresses) {
        if (!holds(wanted, place)) place = {};
        std::erase_if(wanted, [&](const ip_bytes& one) { return same(one, place); });
    }
    auto next = wanted.begin();
    for (auto& place : bucket.addresses)
        if (is_empty(place) && next != wanted.end()) place = *next++;
    bucket.more = next != wanted.end() ? 1 : 0;
    return bucket;
}

Result<> write_buckets(int map_fd, const std::set<IpAddress>& addresses) {
    std::vector<std::vector<ip_bytes>> wanted(OWN_BUCKETS);
    for (const auto& address : addresses) {
        const auto raw = address.to_bytes();
        wanted[own_bucket_of(&raw)].push_back(raw);
    }
    for (std::uint32_t i = 0; i < OWN_BUCKETS; ++i) {
        own_bucket now{};
        if (const int error = bpf_map_lookup_elem(map_fd, &i, &now); error != 0)
            return fail_errno("cannot read this host's addresses", -error);
        const auto then = refilled(now, std::move(wanted[i]));
        if (std::memcmp(&now, &then, sizeof(now)) == 0) continue;
        if (const int error = bpf_map_update_elem(map_fd, &i, &then, BPF_ANY); error != 0)
            return fail_errno("cannot write this host's addresses", -error);
    }
    return {};
}

}  // namespace

Result<> write_own_addresses(const OwnAddressMaps& maps, const std::set<IpAddress>& addresses) {
    std::map<ip_bytes, std::uint32_t, LessBytes> all;
    for (const auto& address : addresses) all[address.to_bytes()] = 1;
    // A bucket that says "more" needs the whole table behind it, so that comes first.
    if (auto done = sync_map(maps.all, all, maps.room, "this host's addresses"); !done) return done;
    return write_buckets(maps.buckets, addresses);
}

}  // namespace portlid::kernel
