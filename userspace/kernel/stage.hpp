// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "policy/compile.hpp"

namespace portlid::kernel {

// One image of a publication: in force from the end of the one before it, until its own deadline.
struct Stage {
    const policy::CompiledPolicy* policy = nullptr;
    std::uint64_t generation = 0;
    std::uint64_t deadline_boot_ns = 0;  // 0 = for good: only on the last one
};

}  // namespace portlid::kernel
