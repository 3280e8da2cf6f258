// SPDX-License-Identifier: Apache-2.0
#include "kernel/map_access.hpp"

#include <bpf/libbpf.h>

#include <algorithm>
#include <numeric>

namespace portlid::kernel {

std::size_t possible_cpus() {
    return static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
}

// Asked every second: at one go where the kernel can (per-CPU arrays by batches: 5.13).
std::vector<std::uint64_t> per_cpu_sums(int map_fd, std::uint32_t count) {
    const auto cpus = possible_cpus();
    std::vector<std::uint64_t> each(count * cpus, 0);
    std::vector<std::uint32_t> keys(count);
    std::uint32_t next = 0, taken = count;
    const int error =
        bpf_map_lookup_batch(map_fd, nullptr, &next, keys.data(), each.data(), &taken, nullptr);
    const bool all = (error == 0 || error == -ENOENT) && taken == count;
    for (std::uint32_t i = 0; i < count && !all; ++i)
        if (bpf_map_lookup_elem(map_fd, &i, &each[i * cpus]) != 0)
            std::fill_n(&each[i * cpus], cpus, 0);
    std::vector<std::uint64_t> sums(count, 0);
    for (std::uint32_t i = 0; i < count; ++i)
        sums[i] = std::accumulate(&each[i * cpus], &each[i * cpus] + cpus, std::uint64_t{0});
    return sums;
}

Result<> write_table_size(int map_fd, std::uint32_t which, std::uint64_t value, const char* what) {
    if (const int error = bpf_map_update_elem(map_fd, &which, &value, BPF_ANY); error != 0)
        return fail_errno(std::string("cannot write ") + what, -error);
    return {};
}

}  // namespace portlid::kernel
