// SPDX-License-Identifier: Apache-2.0
// The benchmark's own programs.
//
//   xdp        bench_wrap, bench_wrap_frags   gives the frame another source, then tail-calls the
//              measured program; two of them because a kernel lets only programs of one kind
//              (with or without XDP fragments) into one program array
//   xdp        bench_empty, bench_empty_frags the yardstick: drops
//   xdp.frags  bench_live    a generator for live frames: another source, then out of the device
//              that it seems to have come in by
#include <linux/bpf.h>
// after the types
#include <bpf/bpf_helpers.h>

#include "bench_abi.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wrap_config);
} bench_config SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} bench_random SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} bench_next SEC(".maps"), bench_next_frags SEC(".maps");

struct ipv4_start {
    __u8 ethernet[14];
    __u8 before[12];
    __be32 source;
    __be32 destination;
    __be16 source_port;
    __be16 destination_port;
} __attribute__((packed));

struct ipv6_start {
    __u8 ethernet[14];
    __u8 before[8];
    __u64 source[2];
    __u64 destination[2];
    __be16 source_port;
    __be16 destination_port;
} __attribute__((packed));

// xorshift64 (Marsaglia 2003): a few instructions, no helper.
static __always_inline __u64 next_random(void) {
    __u32 zero = 0;
    __u64* state = bpf_map_lookup_elem(&bench_random, &zero);
    __u64 value;
    if (!state) return 0;
    value = *state ? *state : 0x9e3779b97f4a7c15ull;
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    *state = value;
    return value;
}

static __always_inline __u32 choose(__u64 random, __u32 count) {
    return (__u32)(((random >> 32) * count) >> 32);
}

static __always_inline __be32 source_v4(const struct wrap_config* config, __u64 random) {
    __u32 base, mask;
    if (config->flags & WRAP_PREFIX) {
        struct bench_prefix prefix = bench_prefix_v4(choose(random, config->count));
        return __builtin_bswap32((__u32)prefix.high |
                                 ((__u32)random & (__u32)(0xffffffffull >> prefix.bits)));
    }
    if (config->flags & WRAP_FLOW)
        return __builtin_bswap32(BENCH_FLOW_V4 | bench_flow_host(random & (config->count - 1)));
    __builtin_memcpy(&base, config->base, 4);
    __builtin_memcpy(&mask, config->mask, 4);
    if (mask == 0xffffffffu) return __builtin_bswap32(bench_source_v4((__u32)(random >> 16)));
    return base | ((__u32)(random >> 16) & mask);
}

static __always_inline void change_v4(const struct wrap_config* config, struct ipv4_start* packet,
                                      __u64 random) {
    if (config->flags & (WRAP_SOURCE | WRAP_PREFIX | WRAP_FLOW))
        packet->source = source_v4(config, random);
    if (config->flags & WRAP_FLOW)
        packet->destination_port = __builtin_bswap16(bench_flow_port(random & (config->count - 1)));
    if (config->flags & WRAP_PORTS) packet->source_port = (__be16)(random >> 8);
    if (config->flags & WRAP_SCATTER) packet->destination_port = (__be16)(random >> 40) | 0x80u;
}

static __always_inline void source_v6(const struct wrap_config* config, struct ipv6_start* packet,
                                      __u64 random) {
    __u64 base[2], mask[2];
    if (config->flags & WRAP_PREFIX) {
        __u32 index = choose(random, config->count);
        struct bench_prefix prefix = bench_prefix_v6(index);
        __u64 host = bench_mix(random);
        if (prefix.bits < 64) prefix.high |= host & (~0ull >> prefix.bits);
        packet->source[0] = __builtin_bswap64(prefix.high);
        packet->source[1] = prefix.bits == 128 ? __builtin_bswap64(index) : host;
        return;
    }
    if (config->flags & WRAP_FLOW) {
        packet->source[0] = __builtin_bswap64(BENCH_FLOW_V6);
        packet->source[1] = __builtin_bswap64(bench_flow_host(random & (config->count - 1)));
        return;
    }
    __builtin_memcpy(base, config->base, 16);
    __builtin_memcpy(mask, config->mask, 16);
    packet->source[0] = base[0] | (random & mask[0]);
    packet->source[1] = base[1] | (bench_mix(random) & mask[1]);
}

static __always_inline void change_v6(const struct wrap_config* config, struct ipv6_start* packet,
                                      __u64 random) {
    if (config->flags & (WRAP_SOURCE | WRAP_PREFIX | WRAP_FLOW)) source_v6(config, packet, random);
    if (config->flags & WRAP_FLOW)
        packet->destination_port = __builtin_bswap16(bench_flow_port(random & (config->count - 1)));
    if (config->flags & WRAP_PORTS) packet->source_port = (__be16)(random >> 8);
    if (config->flags & WRAP_SCATTER) packet->destination_port = (__be16)(random >> 40) | 0x80u;
}

static __always_inline const struct wrap_config* change(struct xdp_md* context) {
    void* data = (void*)(long)context->data;
    void* end = (void*)(long)context->data_end;
    __u32 zero = 0;
    const struct wrap_config* config = bpf_map_lookup_elem(&bench_config, &zero);
    if (!config) return 0;
    if (config->flags & WRAP_IPV6) {
        if (data + sizeof(struct ipv6_start) <= end) change_v6(config, data, next_random());
    } else if (data + sizeof(struct ipv4_start) <= end) {
        change_v4(config, data, next_random());
    }
    return config;
}

SEC("xdp")
int bench_wrap(struct xdp_md* context) {
    change(context);
    bpf_tail_call(context, &bench_next, 0);
    return XDP_ABORTED;
}

SEC("xdp.frags")
int bench_wrap_frags(struct xdp_md* context) {
    change(context);
    bpf_tail_call(context, &bench_next_frags, 0);
    return XDP_ABORTED;
}

SEC("xdp")
int bench_empty(struct xdp_md* context) {
    return XDP_DROP;
}

SEC("xdp.frags")
int bench_empty_frags(struct xdp_md* context) {
    return XDP_DROP;
}

SEC("xdp.frags")
int bench_pass(struct xdp_md* context) {
    return XDP_PASS;
}

#define IP_WORD 7  // 16-bit words from the start of the frame
#define TCP_WORD 17
#define IP_CHECKSUM_WORD 12
#define TCP_CHECKSUM_WORD 25
#define FRAME_WORDS 27  // Ethernet, IPv4 and TCP without options, no payload

static __always_inline __u16 fold(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

// The kernel drops what has wrong checksums before any filter sees it.
static __always_inline void set_checksums(struct xdp_md* context) {
    __u16* words = (void*)(long)context->data;
    __u32 ip = 0, tcp = 0;
    if ((void*)(words + FRAME_WORDS) > (void*)(long)context->data_end) return;
    words[IP_CHECKSUM_WORD] = 0;
    words[TCP_CHECKSUM_WORD] = 0;
    for (int i = IP_WORD; i < TCP_WORD; i++) ip += words[i];
    words[IP_CHECKSUM_WORD] = fold(ip);
    // Both addresses, protocol 6 and the segment's 20 bytes are the pseudo header.
    for (int i = TCP_WORD - 4; i < FRAME_WORDS; i++) tcp += words[i];
    words[TCP_CHECKSUM_WORD] = fold(tcp + __builtin_bswap16(6) + __builtin_bswap16(20));
}

SEC("xdp.frags")
int bench_live(struct xdp_md* context) {
    const struct wrap_config* config = change(context);
    if (!config || !(config->flags & WRAP_TRANSMIT)) return XDP_DROP;
    set_checksums(context);
    return XDP_TX;
}
