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
#include "kernel/read_map.hpp"

namespace portlid::kernel {

// CPUs that per-CPU values have room for; at least 1.
[[nodiscard]] std::size_t possible_cpus();
// Sum over CPUs of elements 0..count-1 of a per-CPU array of u64; unreadable ones count 0.
[[nodiscard]] std::vector<std::uint64_t> per_cpu_sums(int map_fd, std::uint32_t count);

// One word of the map table_sizes (TABLE_*); `what` names it in an error.
[[nodiscard]] Result<> write_table_size(int map_fd, std::uint32_t which, std::uint64_t value,
                                        const char* what);

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

// Everything in a map, also where the kernel does not read its type by batches.
template <class K, class V>
[[nodiscard]] std::map<K, V, LessBytes> read_all(int map_fd, std::size_t limit) {
    std::map<K, V, LessBytes> all;
    for (const auto& [key, value] : read_map<K, V>(map_fd, false)) all.emplace(key, value);
    if (!all.empty()) return all;
    V value{};
    for (const auto& key : map_keys<K>(map_fd, limit))
        if (bpf_map_lookup_elem(map_fd, &key, &value) == 0) all.emplace(key, value);
    return all;
}

// Deletes what was read and is not wanted; whether there was any.
template <class K, class V>
[[nodiscard]] Result<bool> delete_others(int map_fd, const std::map<K, V, LessBytes>& present,
                                         const std::map<K, V, LessBytes>& wanted,
                                         const std::string& what) {
    bool any = false;
    for (const auto& [key, value] : present) {
        if (wanted.contains(key)) continue;
        if (const int error = bpf_map_delete_elem(map_fd, &key); error != 0 && error != -ENOENT)
            return fail_errno("cannot delete from " + what, -error);
        any = true;
    }
    return any;
}

// Brings a map to exactly `wanted`: additions and changes first, so that nothing that stays is
// ever missing, unless what does not belong there takes the room. Whether anything had to be
// written. `limit` is the map's own.
template <class K, class V>
[[nodiscard]] Result<bool> sync_map(int map_fd, const std::map<K, V, LessBytes>& wanted,
                                    std::size_t limit, const std::string& what) {
    const auto present = read_all<K, V>(map_fd, limit);
    bool changed = false;
    const auto put = [&](const K& key, const V& value) -> Result<int> {
        int error = bpf_map_update_elem(map_fd, &key, &value, BPF_ANY);
        if (error != -E2BIG && error != -ENOSPC) return error;
        if (auto room = delete_others(map_fd, present, wanted, what); !room)
            return pass_on(room.error());
        return bpf_map_update_elem(map_fd, &key, &value, BPF_ANY);
    };
    for (const auto& [key, value] : wanted) {
        if (const auto found = present.find(key); found != present.end() && found->second == value)
            continue;
        // The list may lack what is there: a read may end early.
        V now{};
        if (bpf_map_lookup_elem(map_fd, &key, &now) == 0 && now == value) continue;
        changed = true;
        const auto error = put(key, value);
        if (!error) return pass_on(error.error());
        if (*error != 0)
            return fail_errno("cannot write " + what, -*error,
                              *error == -E2BIG || *error == -ENOSPC
                                  ? "the map is full: " + std::to_string(limit) + " entries"
                                  : std::string());
    }
    const auto others = delete_others(map_fd, present, wanted, what);
    if (!others) return others;
    return changed || *others;
}

}  // namespace portlid::kernel
