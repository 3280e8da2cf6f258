// SPDX-License-Identifier: GPL-2.0-only
// Addresses as machine words. `struct ip_bytes` is made of bytes, and where nothing says more the
// BPF compiler moves it byte by byte: sixteen loads, and a stall where wider ones follow. In the
// kernel every address read through load_halves() lies on an eight-byte boundary: in the facts, in
// keys on the stack, in own_buckets.
#pragma once

#include "abi/types.h"

#ifdef __bpf__
#define on_boundary(pointer, bytes) __builtin_assume_aligned(pointer, bytes)
#else
#define on_boundary(pointer, bytes) (pointer)
#endif

static __always_inline void load_halves(const struct ip_bytes* address, __u64 halves[2]) {
    __builtin_memcpy(halves, on_boundary(address->bytes, 8), 16);
}

static __always_inline void store_halves(struct ip_bytes* address, const __u64 halves[2]) {
    __builtin_memcpy(on_boundary(address->bytes, 8), halves, 16);
}

// Both on a boundary.
static __always_inline void move_address(struct ip_bytes* to, const struct ip_bytes* from) {
    __u64 halves[2];
    load_halves(from, halves);
    store_halves(to, halves);
}

// To anywhere.
static __always_inline void copy_address(struct ip_bytes* to, const struct ip_bytes* from) {
    __u64 halves[2];
    load_halves(from, halves);
    __builtin_memcpy(to->bytes, halves, 16);
}

// The four bytes of an IPv4 address as they lie in memory: the first one is the lowest.
static __always_inline __u32 ipv4_word(const struct ip_bytes* address) {
    __u32 word;
    __builtin_memcpy(&word, on_boundary(address->bytes + 12, 4), 4);
    return word;
}

// `a` may stand anywhere that four bytes may.
static __always_inline int same_address(const struct ip_bytes* a, const struct ip_bytes* b) {
    __u32 left[4], right[4];
    __builtin_memcpy(left, on_boundary(a->bytes, 4), 16);
    __builtin_memcpy(right, on_boundary(b->bytes, 4), 16);
    // One comparison: four would be five ways on for the verifier.
    return !((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) |
             (left[3] ^ right[3]));
}
