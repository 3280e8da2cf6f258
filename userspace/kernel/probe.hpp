// SPDX-License-Identifier: Apache-2.0
// What this kernel can do, found by trying (doctor). Loads nothing that stays.
#pragma once

#include <string>
#include <vector>

namespace portlid::kernel {

enum class CheckState : unsigned char { Ok, Degraded, Missing };

struct Check {
    std::string name;  // "btf", "xdp", "tcx", "lsm_listen", "cgroup2", "bpffs", "conntrack"
    CheckState state = CheckState::Ok;
    std::string what;    // what was found
    std::string advice;  // what to do about it; empty when Ok
};

[[nodiscard]] std::vector<Check> probe_kernel();
// XDP mode that the interface would take, by trying an empty passing program and removing it.
// Touches the interface for an instant: only for interfaces the operator named.
[[nodiscard]] Check probe_interface(const std::string& name);

}  // namespace portlid::kernel
