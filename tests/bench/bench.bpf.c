// SPDX-License-Identifier: Apache-2.0
// The benchmark's own programs.
//
//   xdp        bench_wrap, bench_wrap_frags   gives the frame another source, then tail-calls the
//              measured program; two of them because a kernel lets only programs of one kind
//              (with or without XDP fragments) into one program array
//   xdp        bench_empty, bench_empty_frags the yardstick: drops
//   xdp.frags  bench_read    reads what every filter reads, then drops
//   xdp.frags  bench_cell    the least that a filter by port does: one cell, one counter
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

// Written by words as wide as every program reads them. Fields of packed structures would be
// written byte by byte, and a load that spans several stores which are still under way waits for
// the cache: a cost of the wrapper that every program would pay but the empty one. A NIC's frames
// lie in memory.
#define IPV4_SOURCE 26u
#define IPV4_SOURCE_PORT 34u
#define IPV4_START_BYTES 38u
#define IPV6_SOURCE 22u
#define IPV6_SOURCE_PORT 54u
#define IPV6_START_BYTES 58u

static __always_inline void put_16(void* frame, __u32 offset, __be16 value) {
    *(volatile __be16*)(frame + offset) = value;
}
static __always_inline void put_32(void* frame, __u32 offset, __be32 value) {
    *(volatile __be32*)(frame + offset) = value;
}
static __always_inline void put_64(void* frame, __u32 offset, __u64 value) {
    *(volatile __u64*)(frame + offset) = value;
}

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

// `source`: offset of the source port; the destination port follows it.
static __always_inline void change_ports(const struct wrap_config* config, void* frame,
                                         __u32 source, __u64 random) {
    if (config->flags & WRAP_FLOW)
        put_16(frame, source + 2, __builtin_bswap16(bench_flow_port(random & (config->count - 1))));
    if (config->flags & WRAP_PORTS) put_16(frame, source, (__be16)(random >> 8));
    if (config->flags & WRAP_SCATTER) put_16(frame, source + 2, (__be16)(random >> 40) | 0x80u);
}

static __always_inline void change_v4(const struct wrap_config* config, void* frame, __u64 random) {
    if (config->flags & (WRAP_SOURCE | WRAP_PREFIX | WRAP_FLOW))
        put_32(frame, IPV4_SOURCE, source_v4(config, random));
    change_ports(config, frame, IPV4_SOURCE_PORT, random);
}

static __always_inline void source_v6(const struct wrap_config* config, void* frame, __u64 random) {
    __u64 base[2], mask[2];
    if (config->flags & WRAP_PREFIX) {
        __u32 index = choose(random, config->count);
        struct bench_prefix prefix = bench_prefix_v6(index);
        __u64 host = bench_mix(random);
        if (prefix.bits < 64) prefix.high |= host & (~0ull >> prefix.bits);
        put_64(frame, IPV6_SOURCE, __builtin_bswap64(prefix.high));
        put_64(frame, IPV6_SOURCE + 8, prefix.bits == 128 ? __builtin_bswap64(index) : host);
        return;
    }
    if (config->flags & WRAP_FLOW) {
        put_64(frame, IPV6_SOURCE, __builtin_bswap64(BENCH_FLOW_V6));
        put_64(frame, IPV6_SOURCE + 8,
               __builtin_bswap64(bench_flow_host(random & (config->count - 1))));
        return;
    }
    __builtin_memcpy(base, config->base, 16);
    __builtin_memcpy(mask, config->mask, 16);
    put_64(frame, IPV6_SOURCE, base[0] | (random & mask[0]));
    put_64(frame, IPV6_SOURCE + 8, base[1] | (bench_mix(random) & mask[1]));
}

static __always_inline void change_v6(const struct wrap_config* config, void* frame, __u64 random) {
    if (config->flags & (WRAP_SOURCE | WRAP_PREFIX | WRAP_FLOW)) source_v6(config, frame, random);
    change_ports(config, frame, IPV6_SOURCE_PORT, random);
}

static __always_inline const struct wrap_config* change(struct xdp_md* context) {
    void* data = (void*)(long)context->data;
    void* end = (void*)(long)context->data_end;
    __u32 zero = 0;
    const struct wrap_config* config = bpf_map_lookup_elem(&bench_config, &zero);
    if (!config) return 0;
    if (config->flags & WRAP_IPV6) {
        if (data + IPV6_START_BYTES <= end) change_v6(config, data, next_random());
    } else if (data + IPV4_START_BYTES <= end) {
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

// What every filter does at the least: it reads type, protocol, addresses and ports. On a wire that
// is when the frame comes over from the other CPU's cache.
SEC("xdp.frags")
int bench_read(struct xdp_md* context) {
    const void* frame = (void*)(long)context->data;
    if (frame + IPV4_START_BYTES > (void*)(long)context->data_end) return XDP_PASS;
    const __u64 read = *(const __u16*)(frame + 12) + (__u64) * (const __u8*)(frame + 23) +
                       *(const __u32*)(frame + IPV4_SOURCE) +
                       *(const __u32*)(frame + IPV4_SOURCE + 4) +
                       *(const __u32*)(frame + IPV4_SOURCE_PORT);
    return read ? XDP_DROP : XDP_PASS;
}

struct cell_line {
    __u16 cells[32];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2048);
    __type(key, __u32);
    __type(value, struct cell_line);
} bench_cells SEC(".maps");

struct bench_count {
    __u64 packets;
    __u64 bytes;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct bench_count);
} bench_counts SEC(".maps");

static __always_inline int is_plain_tcp(const void* frame) {
    return *(const __u16*)(frame + 12) == __builtin_bswap16(0x0800) &&
           *(const __u8*)(frame + 14) == 0x45 && *(const __u8*)(frame + 23) == 6;
}

// One map element a cache line, so that neighbouring ports share one.
static __always_inline __u16 cell_of(__u16 port_host) {
    __u32 key = port_host >> 5;
    const struct cell_line* line = bpf_map_lookup_elem(&bench_cells, &key);
    return line ? line->cells[port_host & 31] : 1;
}

SEC("xdp.frags")
int bench_cell(struct xdp_md* context) {
    const void* frame = (void*)(long)context->data;
    const void* end = (void*)(long)context->data_end;
    struct bench_count* count;
    __u16 cell;
    __u32 key;
    if (frame + IPV4_START_BYTES > end || !is_plain_tcp(frame)) return XDP_PASS;
    cell = cell_of(__builtin_bswap16(*(const __u16*)(frame + IPV4_SOURCE_PORT + 2)));
    key = cell & 63;
    count = bpf_map_lookup_elem(&bench_counts, &key);
    if (!count) return XDP_PASS;
    count->packets += 1;
    count->bytes += end - frame;
    return cell ? XDP_PASS : XDP_DROP;
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
