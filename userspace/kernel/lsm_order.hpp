// SPDX-License-Identifier: Apache-2.0
// Whether the kernel calls BPF programs on its LSM hooks: they load where CONFIG_BPF_LSM is set,
// but run only where `bpf` is in the boot-time order (security/security.c).
#pragma once

#include <string>
#include <string_view>

namespace portlid::kernel {

// The comma-separated order in force; empty when it cannot be read (no securityfs).
[[nodiscard]] std::string lsm_order();
[[nodiscard]] bool bpf_lsm_runs(std::string_view order);

}  // namespace portlid::kernel
