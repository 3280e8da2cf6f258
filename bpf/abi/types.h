// SPDX-License-Identifier: GPL-2.0-only
// Fixed-width types and the assertion macros of the kernel boundary.
// Compiled three ways: as BPF, as C, and as C++. Rules for every struct under bpf/abi:
// fixed-width members only, widest first, padding named, no bool, int, enum, pointer or packed.
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#define ABI_ASSERT(condition, text) _Static_assert(condition, text)
#elif defined(__cplusplus)
#include <linux/types.h>

#include <cstddef>
#define ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#include <linux/types.h>
#include <stddef.h>
#define ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define ABI_SIZE(type, bytes) ABI_ASSERT(sizeof(type) == (bytes), #type " changed size")
#define ABI_OFFSET(type, member, bytes) \
    ABI_ASSERT(__builtin_offsetof(type, member) == (bytes), #type "." #member " moved")

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

// Changes whenever any struct, map or meaning under bpf/abi changes: it names the pin directory,
// so an old daemon's maps are never read with a new daemon's eyes.
#define PORTLID_ABI_VERSION 8u

// An address of either family. IPv4 is stored v4-mapped (::ffff:a.b.c.d), bytes in network order,
// so one comparison and one hash serve both families.
struct ip_bytes {
    __u8 bytes[16];
};
ABI_SIZE(struct ip_bytes, 16);
