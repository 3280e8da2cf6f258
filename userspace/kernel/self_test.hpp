// SPDX-License-Identifier: Apache-2.0
// One harmless frame through a program, as if it had come in by `ifindex`: it must pass under any
// policy. Run before the program is attached, so that one which fails never meets a real packet;
// where the program ended up is checked on the link afterwards.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace portlid::kernel {

[[nodiscard]] Result<> self_test_xdp(int prog_fd, std::uint32_t ifindex);
[[nodiscard]] Result<> self_test_tc(int prog_fd, std::uint32_t ifindex, bool layer3);

}  // namespace portlid::kernel
