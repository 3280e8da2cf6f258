// SPDX-License-Identifier: Apache-2.0
// Typed reads and exact updates of plain maps. K and V must be the map's own key and value.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.hpp"

namespace portlid::kernel {

// CPUs that per-CPU values have room for; at least 1.
[[nodiscard]] std::size_t possible_cpus();
// Sum over CPUs of elements 0..count-1 of a per-CPU array of u64; unreadable ones count 0.
[[nodiscard]] std::vector<std::uint64_t> per_cpu_sums(int map_fd, std::uint32_t count);

// Every key. Entries that come and go meanwhile may be seen or not.
template <class K>
[[nodiscard]] std::vector<K> map_keys(int map_fd, std::size_t limit) {
    static_assert(std::is_trivially_copyable_v<K>);
    std::vector<K> keys;
    K next{};
    const K* previous = nullptr;
    // A key deleted under our feet restarts the walk; the limit ends it.
    while (keys.size() < limit && bpf_map_get_next_key(map_fd, previous, &next) == 0) {
        keys.push_back(next);
        previous = &keys.back();
    }
    return keys;
}

struct LessBytes {
    template <class K>
    bool operator()(const K& a, const K& b) const {
        return std::memcmp(&a, &b, sizeof(K)) < 0;
    }
};

// Brings a map to exactly `wanted`: additions and changes first, so that nothing that stays is
// ever missing. `limit` bounds the walk over what is there.
template <class K, class V>
[[nodiscard]] Result<> sync_map(int map_fd, const std::map<K, V, LessBytes>& wanted,
                                std::size_t limit, const std::string& what) {
    const auto present = map_keys<K>(map_fd, limit);
    for (const auto& [key, value] : wanted) {
        V now{};
        if (bpf_map_lookup_elem(map_fd, &key, &now) == 0 && now == value) continue;
        if (const int error = bpf_map_update_elem(map_fd, &key, &value, BPF_ANY); error != 0)
            return fail_errno("cannot write " + what, -error,
                              error == -E2BIG || error == -ENOSPC
                                  ? "the map is full: " + std::to_string(limit) + " entries"
                                  : std::string());
    }
    for (const auto& key : present)
        if (!wanted.contains(key)) bpf_map_delete_elem(map_fd, &key);
    return {};
}

}  // namespace portlid::kernel
