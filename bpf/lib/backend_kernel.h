// SPDX-License-Identifier: GPL-2.0-only
// The pipeline's look-ups as BPF maps and helpers.
#pragma once

#include "lib/clock.h"
#include "lib/emit.h"
#include "lib/flow_tag.h"
#include "lib/hash.h"
#include "lib/limit.h"
#include "lib/owner.h"
#include "lib/used_ports.h"

// A program file says which context it has: PORTLID_XDP or nothing (tc).
#ifdef PORTLID_XDP
typedef struct xdp_md packet_context;
#define load_bytes bpf_xdp_load_bytes
#define PACKET_HOOK HOOK_xdp
#else
typedef struct __sk_buff packet_context;
#define load_bytes bpf_skb_load_bytes
#define PACKET_HOOK HOOK_tc
#endif

struct frame {
    void* data;
    void* data_end;
    packet_context* context;
    __u64 own_mac;
    __u32 length_bytes;
    __u16 offloaded_vlan;
    __u8 layer3;  // this and own_mac: from the interface's entry
    __u8 reserved;
};

// All but what the interface's entry says.
#ifdef PORTLID_XDP
static __always_inline struct frame frame_of(packet_context* context) {
    struct frame frame = {
        .data = (void*)(long)context->data,
        .data_end = (void*)(long)context->data_end,
        .context = context,
    };
    frame.length_bytes = (__u32)(frame.data_end - frame.data);
    return frame;
}
#define ifindex_of(context) ((context)->ingress_ifindex)
#else
static __always_inline struct frame frame_of(packet_context* context) {
    const struct frame frame = {
        .data = (void*)(long)context->data,
        .data_end = (void*)(long)context->data_end,
        .context = context,
        .length_bytes = context->len,
        .offloaded_vlan = context->vlan_present ? (__u16)context->vlan_tci : 0,
    };
    return frame;
}
#define ifindex_of(context) ((context)->ifindex)
#endif

struct packet_facts;

// No header chain that we follow reaches further; the mask is what bounds the offset for the
// verifier.
#define OFFSET_MASK 0x7fffu

// Where the `size` bytes at the constant `offset` lie; 0 when not in the linear part.
static __always_inline const __u8* frame_bytes(const struct frame* frame, __u32 offset,
                                               __u32 size) {
    const __u8* at = frame->data + offset;
    return at + size <= (const __u8*)frame->data_end ? at : 0;
}

// Straight from the linear part where the bytes are there, else through the helper (paged skbs,
// XDP fragments).
static __always_inline int frame_read(const struct frame* frame, __u32 offset, void* to,
                                      __u32 size) {
    void* at;
    if (offset > OFFSET_MASK) return -1;
    at = frame->data + (offset & OFFSET_MASK);
    if (at + size <= frame->data_end) {
        __builtin_memcpy(__builtin_assume_aligned(to, 8), __builtin_assume_aligned(at, 8), size);
        return 0;
    }
    return load_bytes(frame->context, offset, to, size) ? -1 : 0;
}

// A helper call for XDP (~12 ns where returns are guarded against speculation), so it is asked only
// by packets that do not fit into the linear part.
static __always_inline __u32 frame_length(const struct frame* frame) {
#ifdef PORTLID_XDP
    return (__u32)bpf_xdp_get_buff_len(frame->context);
#else
    return frame->length_bytes;
#endif
}

static __always_inline __u64 boot_time_ns(const struct frame* frame) {
    (void)frame;
    return bpf_ktime_get_boot_ns();
}

static __always_inline __u64 tick_time_ns(const struct frame* frame) {
    (void)frame;
    return tick_now_ns();
}

// A copy of its own for the helper, so that the callers' addresses may stay in registers.
static __always_inline int own_address_beyond(const __u64 halves[2]) {
    __u64 address[2] = {halves[0], halves[1]};
    return bpf_map_lookup_elem(&local_addresses, address) != 0;
}

// Twice a packet, so one inlined load of a cache line that stays hot, instead of a hash look-up.
static __always_inline int own_address(const struct frame* frame, const struct ip_bytes* address) {
    __u32 index = own_bucket_of(address);
    const struct own_bucket* bucket = bpf_map_lookup_elem(&own_buckets, &index);
    __u64 wanted[2], place[2];
    (void)frame;
    load_halves(address, wanted);
    if (!bucket || !(wanted[0] | wanted[1])) return 0;
    for (__u32 i = 0; i < OWN_PLACES; i++) {
        load_halves(&bucket->addresses[i], place);
        // IPv4 addresses, and free places, are alike in the first half.
        if (place[1] == wanted[1] && place[0] == wanted[0]) return 1;
    }
    return bucket->more && own_address_beyond(wanted);
}

static __always_inline __u32 network_kind(const struct frame* frame,
                                          const struct ip_bytes* address) {
    struct network_key key = {.prefix_bits = 128};
    __u32* kind;
    (void)frame;
    copy_address(&key.address, address);
    kind = bpf_map_lookup_elem(&networks, &key);
    return kind ? *kind : 0;
}

// flows.bpf.c: a global function, verified once; inlined, its loops multiply with everything around
// them.
__u64 flow_last_seen(const struct flow_key* key);

static __always_inline __u64 flow_last_egress_ns(const struct frame* frame,
                                                 const struct flow_key* key) {
    (void)frame;
    return flow_last_seen(key);
}

// 1 = neither a flow table nor conntrack can know a flow of ours with this local port.
static __always_inline int nobody_spoke_from(const struct frame* frame, __u8 protocol,
                                             __u16 port_host) {
    (void)frame;
    if (port_is_used(protocol, port_host)) return 0;
    return !conntrack_available || table_size(TABLE_PORTS_ARE_ALL);
}

static __always_inline const struct trie_node* trie_place(const struct frame* frame,
                                                          __u32 trie_slot, __u32 node) {
    __u32 index = trie_slot * TRIE_CHUNKS + node / TRIE_CHUNK_NODES;
    void* inner = bpf_map_lookup_elem(&trie_nodes, &index);
    const struct trie_chunk* chunk;
    __u32 zero = 0;
    (void)frame;
    if (!inner) return 0;
    chunk = bpf_map_lookup_elem(inner, &zero);
    return chunk ? &chunk->nodes[bounded(node, TRIE_CHUNK_NODES)] : 0;
}

// One more use of bucket `index` in window `window`; 1 while fewer than `limit` were taken. The
// reset races benignly: at worst a few more get through at a window's first instant.
static __always_inline int bucket_take(void* buckets, __u32 index, __u32 window, __u32 limit) {
    __u64* bucket = bpf_map_lookup_elem(buckets, &index);
    __u64 now, fresh = (__u64)window << 32;
    if (!bucket) return 0;
    now = *(volatile __u64*)bucket;
    if (now >> 32 != window) {
        __sync_val_compare_and_swap(bucket, now, fresh);
        now = fresh;
    }
    if ((__u32)now >= limit) return 0;
    __sync_fetch_and_add(bucket, 1);
    return 1;
}

static __always_inline int budget_take(const struct frame* frame, const struct ip_bytes* source,
                                       __u32 kind, __u32 per_second) {
    struct ip_bytes whose;
    __u32 second = (__u32)(tick_time_ns(frame) / 1000000000ull);
    budget_source(source, &whose);
    return bucket_take(&budgets, (hash_address(&whose) + kind * 0x9e37u) & (BUDGET_BUCKETS - 1),
                       second, per_second);
}

static __always_inline int limit_reached(const struct frame* frame, const struct ip_bytes* source,
                                         const struct condition* rule) {
    struct limit_question question = {.rule = *rule};
    (void)frame;
    budget_source(source, &question.source);
    return limit_refuses(&question) != 0;
}

static __always_inline int bans_exist(const struct frame* frame) {
    (void)frame;
    return table_size(TABLE_BANS) != 0;
}

static __always_inline int owner_holds_port(const struct frame* frame, __u64 owner,
                                            const struct port_slot_key* slot, __u32 exact_only) {
    struct owner_question question = {.owner = owner, .slot = *slot, .exact_only = exact_only};
    (void)frame;
    return owner_holds(&question) != 0;
}

static __always_inline int source_banned(const struct frame* frame, const struct ip_bytes* source) {
    struct network_key key = {.prefix_bits = 128};
    struct ban* ban;
    if (!table_size(TABLE_BANS)) return 0;
    copy_address(&key.address, source);
    ban = bpf_map_lookup_elem(&bans, &key);
    if (!ban || ban->deadline_boot_ns <= boot_time_ns(frame)) return 0;
    __sync_fetch_and_add(&ban->hits, 1);
    return 1;
}

static __always_inline int existing_flows_known(const struct frame* frame) {
    (void)frame;
    return table_size(TABLE_EXISTING) != 0;
}

static __always_inline __u64 existing_seen_ns(const struct frame* frame,
                                              const struct flow_key* key) {
    struct existing_flow* flow;
    (void)frame;
    if (!table_size(TABLE_EXISTING)) return 0;
    flow = bpf_map_lookup_elem(&existing_flows, key);
    return flow ? flow->seen_boot_ns : 0;
}
