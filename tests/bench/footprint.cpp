// SPDX-License-Identifier: Apache-2.0
#include "bench/footprint.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <fstream>
#include <set>

#include "base/unique_fd.hpp"
#include "kernel/links.hpp"

namespace portlid::bench {

namespace {

std::uint64_t memlock_bytes(int fd) {
    std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
    std::string word;
    std::uint64_t bytes = 0;
    while (file >> word)
        if (word == "memlock:" && file >> bytes) return bytes;
    return 0;
}

std::uint64_t inner_bytes(int fd, std::uint32_t entries) {
    std::uint64_t sum = 0;
    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < entries; ++i) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(fd, &i, &id) != 0 || !seen.insert(id).second) continue;
        const UniqueFd inner(bpf_map_get_fd_by_id(id));
        if (inner.valid()) sum += memlock_bytes(inner.get());
    }
    return sum;
}

}  // namespace

std::map<std::string, std::uint64_t> map_bytes(const std::filesystem::path& pins) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& entry : std::filesystem::directory_iterator(pins / "maps")) {
        const auto fd = kernel::open_pin(entry.path());
        bpf_map_info info{};
        __u32 size = sizeof(info);
        if (!fd.valid() || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) continue;
        auto& bytes = out[entry.path().filename().string()];
        bytes = memlock_bytes(fd.get());
        if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
            bytes += inner_bytes(fd.get(), info.max_entries);
    }
    return out;
}

}  // namespace portlid::bench
