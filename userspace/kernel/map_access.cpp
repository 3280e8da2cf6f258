// SPDX-License-Identifier: Apache-2.0
#include "kernel/map_access.hpp"

#include <bpf/libbpf.h>

#include <algorithm>
#include <numeric>

namespace portlid::kernel {

std::size_t possible_cpus() {
    return static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
}

std::vector<std::uint64_t> per_cpu_sums(int map_fd, std::uint32_t count) {
    std::vector<std::uint64_t> sums(count, 0);
    std::vector<std::uint64_t> each(possible_cpus());
    for (std::uint32_t i = 0; i < count; ++i)
        if (bpf_map_lookup_elem(map_fd, &i, each.data()) == 0)
            sums[i] = std::accumulate(each.begin(), each.end(), std::uint64_t{0});
    return sums;
}

}  // namespace portlid::kernel
