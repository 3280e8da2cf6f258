// SPDX-License-Identifier: Apache-2.0
// A map as a list.
#pragma once

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

namespace portlid::kernel {

// Every value, by batches, and with `take` nothing is left behind; what comes and goes meanwhile
// may be missing. K and V must be the map's own. Arrays come in the order of their indexes.
// `expected` is the first batch: most maps hold little, and are read every second; it grows.
template <class K, class V>
std::vector<std::pair<K, V>> read_map(int map_fd, bool take, std::size_t expected = 64) {
    constexpr std::size_t kLargestBatch = 4096;
    std::vector<std::pair<K, V>> out;
    std::vector<K> keys(expected);
    std::vector<V> values(expected);
    const auto grow = [&] {
        keys.resize(keys.size() * 2);
        values.resize(keys.size());
    };
    // Of a hash a number, else a key (kernel/bpf/syscall.c, generic_map_lookup_batch).
    std::array<std::byte, std::max(sizeof(K), sizeof(std::uint32_t))> position{};
    void* from = nullptr;
    while (true) {
        auto count = static_cast<__u32>(keys.size());
        LIBBPF_OPTS(bpf_map_batch_opts, options);
        const int error =
            take ? bpf_map_lookup_and_delete_batch(map_fd, from, position.data(), keys.data(),
                                                   values.data(), &count, &options)
                 : bpf_map_lookup_batch(map_fd, from, position.data(), keys.data(), values.data(),
                                        &count, &options);
        if (error == -ENOSPC) {  // one bucket holds more than a batch
            grow();
            continue;
        }
        if (error != 0 && error != -ENOENT) return out;
        for (__u32 i = 0; i < count; ++i) out.emplace_back(keys[i], values[i]);
        if (error == -ENOENT) return out;
        if (keys.size() < kLargestBatch) grow();
        from = position.data();
    }
}

}  // namespace portlid::kernel
