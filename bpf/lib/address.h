// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "abi/types.h"

static __always_inline int same_address(const struct ip_bytes* a, const struct ip_bytes* b) {
    __u64 left[2], right[2];
    __builtin_memcpy(left, a->bytes, 16);
    __builtin_memcpy(right, b->bytes, 16);
    return left[0] == right[0] && left[1] == right[1];
}
