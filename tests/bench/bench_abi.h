// SPDX-License-Identifier: Apache-2.0
// What the benchmark's own BPF programs and its C++ side share: how the frame is changed before
// each packet, and the arithmetic lists of prefixes and flows. Both are computed from an index, so
// that choosing one of a million at random touches no memory that the measured program would miss.
#pragma once

#include <linux/types.h>

#ifdef __bpf__
#define BENCH_INLINE static inline __attribute__((always_inline))
#else
#define BENCH_INLINE static inline
#endif

// wrap_config.flags; addresses and ports are those of the frame's source unless said otherwise.
#define WRAP_IPV6 1u
#define WRAP_SOURCE 2u     // address = base with random bits where `mask` has ones
#define WRAP_PREFIX 4u     // address inside a prefix chosen at random from the list of `count`
#define WRAP_FLOW 8u       // address and destination port of a flow chosen from the list of `count`
#define WRAP_PORTS 16u     // random source port
#define WRAP_SCATTER 32u   // random destination port, 32768 to 65535
#define WRAP_TRANSMIT 64u  // bench_live: send it out instead of dropping it

struct wrap_config {
    __u32 flags;
    __u32 count;  // entries of the list; for flows a power of two
    __u8 base[16];
    __u8 mask[16];
};

struct bench_prefix {
    __u64 high;  // IPv6: first 64 bits, host order; IPv4: the address
    __u32 bits;
    __u32 reserved;
};

// A full-period mixer (the finalizer of SplitMix64, public domain).
BENCH_INLINE __u64 bench_mix(__u64 value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

// A random word as an address that may be a source on a wire: not in 0/8, 10/8, 127/8 or 224/3,
// which would be dropped before any look-up. The rest of the space keeps its even density.
BENCH_INLINE __u32 bench_source_v4(__u32 word) {
    __u32 first = word >> 24;
    if (first >= 224) first -= 128;
    if (first == 0 || first == 10 || first == 127) first++;
    return (word & 0x00ffffffu) | first << 24;
}

// Entry `index` of the IPv4 list: uniform over the address space, /20 to /32 in equal shares.
BENCH_INLINE struct bench_prefix bench_prefix_v4(__u32 index) {
    __u64 mixed = bench_mix(0x4f1bbcdcbfa53e0bull + index);
    struct bench_prefix out = {0, 20u + (__u32)((mixed >> 32) % 13u), 0};
    out.high = bench_source_v4((__u32)mixed);
    out.high &= 0xffffffffull << (32 - out.bits);
    return out;
}

// Entry `index` of the IPv6 list: uniform over 2000::/3, from /32 to /64, one in sixteen a /128
// (whose lower half is `index` itself).
BENCH_INLINE struct bench_prefix bench_prefix_v6(__u32 index) {
    __u64 mixed = bench_mix(0x2545f4914f6cdd1dull + index);
    __u32 kind = (__u32)bench_mix(mixed) & 15u;
    struct bench_prefix out = {0,
                               kind == 15u   ? 128u
                               : kind == 14u ? 64u
                                             : 32u + kind / 2u * 4u + 4u,
                               0};
    if (kind >= 11u && kind <= 13u) out.bits = 48;
    out.high = (mixed >> 3) | 0x2000000000000000ull;
    if (out.bits < 64) out.high &= ~0ull << (64 - out.bits);
    return out;
}

// Flow `index` (below 65536): the remote's low 17 bits, and our port.
BENCH_INLINE __u32 bench_flow_host(__u32 index) {
    return (index * 0x9e37u) & 0x1ffffu;
}
BENCH_INLINE __u16 bench_flow_port(__u32 index) {
    return (__u16)(16384u + (index & 0x3fffu));
}
#define BENCH_FLOW_V4 0xc6120000u            // 198.18.0.0/15
#define BENCH_FLOW_V6 0x20010db8000f0000ull  // 2001:db8:f::/64, the host number in the last bytes
#define BENCH_FLOW_REMOTE_PORT 443u
