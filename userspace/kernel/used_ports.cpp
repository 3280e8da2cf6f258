// SPDX-License-Identifier: Apache-2.0
#include "kernel/used_ports.hpp"

#include "abi/maps.h"
#include "kernel/map_access.hpp"
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
    return write_table_size(table_sizes, TABLE_PORTS_ARE_ALL, all ? 1 : 0,
                            "what is known of ports in use");
}

}  // namespace portlid::kernel
