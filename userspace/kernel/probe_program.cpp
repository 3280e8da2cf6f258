// SPDX-License-Identifier: Apache-2.0
#include "kernel/probe_program.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>

#include "kernel/libbpf_log.hpp"

namespace portlid::kernel {

Result<UniqueFd> load_probe(const ProbeProgram& program) {
    capture_libbpf_log();
    // return verdict;
    const std::array<bpf_insn, 2> code{{
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_0,
         .src_reg = 0,
         .off = 0,
         .imm = program.verdict},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.expected_attach_type = program.attach;
    options.attach_btf_id = program.btf_id;
    if (!program.btf_name.empty()) {
        const int id = libbpf_find_vmlinux_btf_id(program.btf_name.c_str(), program.attach);
        if (id < 0) return fail_errno("the kernel has no hook " + program.btf_name, -id);
        options.attach_btf_id = static_cast<__u32>(id);
    }
    UniqueFd loaded(
        bpf_prog_load(program.type, "portlid_probe", "GPL", code.data(), code.size(), &options));
    if (loaded.get() < 0) return fail_errno("the kernel does not load it", errno);
    return loaded;
}

}  // namespace portlid::kernel
