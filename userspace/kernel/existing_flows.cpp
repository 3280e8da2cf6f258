// SPDX-License-Identifier: Apache-2.0
#include "kernel/existing_flows.hpp"

namespace portlid::kernel {

namespace {

Result<> write_size(int sizes_fd, std::uint32_t which, std::uint64_t value) {
    return write_table_size(sizes_fd, which, value, "the number of open flows");
}

}  // namespace

Result<ExistingCount> write_existing_flows(int flows_fd, int sizes_fd, std::size_t room,
                                           const FlowSet& open, BootTime seen, bool complete) {
    ExistingCount count;
    for (const auto& key : map_keys<flow_key>(flows_fd, room)) {
        if (!complete || open.contains(key))
            ++count.kept;
        else
            bpf_map_delete_elem(flows_fd, &key);
    }
    const existing_flow value{seen.ns};
    for (const auto& key : open) {
        const int error = bpf_map_update_elem(flows_fd, &key, &value, BPF_NOEXIST);
        if (error == 0)
            ++count.kept;
        else if (error == -E2BIG || error == -ENOSPC || error == -ENOMEM)
            ++count.overflow;
        else if (error != -EEXIST)
            return fail_errno("cannot write an open flow", -error);
    }
    if (auto done = write_size(sizes_fd, TABLE_EXISTING, count.kept); !done)
        return pass_on(std::move(done.error()));
    if (auto done = write_size(sizes_fd, TABLE_EXISTING_OVERFLOW, count.overflow); !done)
        return pass_on(std::move(done.error()));
    return count;
}

}  // namespace portlid::kernel
