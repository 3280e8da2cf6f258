// SPDX-License-Identifier: Apache-2.0
// Whether this process and this kernel can load the sensor at all, said before anything is tried;
// and giving up what the sensor never needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace portlid::kernel {

// Those of CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN that `effective` (CapEff) lacks; CAP_SYS_ADMIN
// stands for the first two.
[[nodiscard]] std::vector<std::string> missing_capabilities(std::uint64_t effective);
// A sentence for each capability that `effective` lacks and without which a sensor runs but sees
// less: CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH.
[[nodiscard]] std::vector<std::string> weaker_without(std::uint64_t effective);
// Effective capabilities of this process; `status` is /proc/self/status.
[[nodiscard]] Result<std::uint64_t> effective_capabilities(
    const std::filesystem::path& status = "/proc/self/status");

// Exit 4 naming the missing capability.
[[nodiscard]] Result<> require_capabilities();
// Exit 6 when the kernel does not carry its own types.
[[nodiscard]] Result<> require_btf(const std::filesystem::path& types = "/sys/kernel/btf/vmlinux");

// Gives up, for good, every capability that a sensor does not need; programs that it starts later
// (nft, iptables-save) get at most CAP_NET_ADMIN and CAP_NET_RAW where the bounding or the ambient
// set decides. Before any other thread starts.
[[nodiscard]] Result<> drop_capabilities();

}  // namespace portlid::kernel
