// SPDX-License-Identifier: Apache-2.0
// Runs a program of type syscall on one context (bpf(2), BPF_PROG_TEST_RUN): how userspace changes
// what programs on other CPUs write at the same time. Used inside this room only.
#pragma once

#include <bpf/bpf.h>

#include <cstdint>

#include "base/result.hpp"

namespace portlid::kernel {

// What the program returned. `what` cannot be done where it does not run: "cannot …".
template <class Context>
[[nodiscard]] Result<std::uint32_t> run_syscall_program(int program_fd, Context context,
                                                        const char* what) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    if (const int error = bpf_prog_test_run_opts(program_fd, &options); error != 0)
        return fail_errno(what, -error);
    return options.retval;
}

}  // namespace portlid::kernel
