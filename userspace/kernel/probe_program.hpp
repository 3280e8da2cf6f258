// SPDX-License-Identifier: Apache-2.0
// The smallest program of each type, loaded to learn whether this kernel takes it. Used inside
// this room only.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

struct ProbeProgram {
    bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
    bpf_attach_type attach = BPF_CGROUP_INET_INGRESS;  // 0, where the type does not need one
    std::string btf_name;      // tracepoint or LSM hook to bind to; empty = none
    int verdict = 0;           // what it returns: always "go on"
    std::uint32_t btf_id = 0;  // the hook's, where it is known; otherwise btf_name is looked up
};

// Loads it; the descriptor is all that holds it. The error is the kernel's errno and, where it
// gave one, the verifier's last line.
[[nodiscard]] Result<UniqueFd> load_probe(const ProbeProgram& program);

}  // namespace portlid::kernel
