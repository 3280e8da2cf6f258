// SPDX-License-Identifier: Apache-2.0
#include "kernel/used_ports.hpp"

#include <bpf/bpf.h>

#include "abi/maps.h"
#include "kernel/syscall_program.hpp"

namespace portlid::kernel {

Result<> mark_used_ports(int program, const std::set<AnsweredPort>& ports) {
    for (const auto& [protocol, port] : ports) {
        const port_seed seed{port.value, protocol, 0};
        const auto done = run_syscall_program(program, seed, "cannot mark ports that are in use");
        if (!done) return pass_on(done.error());
    }
    return {};
}

Result<> say_ports_are_all(int table_sizes, bool all) {
    const std::uint32_t which = TABLE_PORTS_ARE_ALL;
    const std::uint64_t value = all ? 1 : 0;
    if (const int error = bpf_map_update_elem(table_sizes, &which, &value, BPF_ANY); error != 0)
        return fail_errno("cannot write what is known of ports in use", -error);
    return {};
}

}  // namespace portlid::kernel
