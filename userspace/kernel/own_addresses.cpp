// SPDX-License-Identifier: Apache-2.0
#include "kernel/own_addresses.hpp"

#include <algorithm>
#include <vector>

#include "abi/maps.h"
#include "kernel/map_access.hpp"
#include "kernel/read_map.hpp"
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

Result<bool> write_buckets(int map_fd, const std::set<IpAddress>& addresses) {
    std::vector<std::vector<ip_bytes>> wanted(OWN_BUCKETS);
    for (const auto& address : addresses) {
        const auto raw = address.to_bytes();
        wanted[own_bucket_of(&raw)].push_back(raw);
    }
    const auto present = read_map<std::uint32_t, own_bucket>(map_fd, false, OWN_BUCKETS + 1);
    if (present.size() != OWN_BUCKETS) return fail("cannot read this host's addresses");
    bool changed = false;
    for (const auto& [index, now] : present) {
        const auto then = refilled(now, std::move(wanted[index]));
        if (std::memcmp(&now, &then, sizeof(now)) == 0) continue;
        if (const int error = bpf_map_update_elem(map_fd, &index, &then, BPF_ANY); error != 0)
            return fail_errno("cannot write this host's addresses", -error);
        changed = true;
    }
    return changed;
}

}  // namespace

Result<bool> write_own_addresses(const OwnAddressMaps& maps, const std::set<IpAddress>& addresses) {
    std::map<ip_bytes, std::uint32_t, LessBytes> all;
    for (const auto& address : addresses) all[address.to_bytes()] = 1;
    // A bucket that says "more" needs the whole table behind it, so that comes first.
    const auto table = sync_map(maps.all, all, maps.room, "this host's addresses");
    if (!table) return table;
    const auto buckets = write_buckets(maps.buckets, addresses);
    if (!buckets) return buckets;
    return *table || *buckets;
}

}  // namespace portlid::kernel
