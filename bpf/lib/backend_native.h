// SPDX-License-Identifier: GPL-2.0-only
// The pipeline's look-ups as plain tables in memory: for `explain`, `policy test`, the exposure
// table, unit tests and fuzzers. Linear scans: these tables hold tens of entries, and nobody waits.
#pragma once

#include <string.h>

#include "abi/maps.h"

struct native_network {
    struct network_key key;
    __u32 kind;  // NETWORK_*
};

// Owned by the caller; must outlive the frame.
struct native_tables {
    const struct trie_node* nodes;
    const struct ip_bytes* own;
    const struct native_network* networks;
    const struct flow_key* flows;
    __u32 node_count;
    __u32 own_count;
    __u32 network_count;
    __u32 flow_count;
    __u64 now_boot_ns;
    __u32 budget_left;  // of every source; what a fresh kernel has when not set to 0
};

struct frame {
    const __u8* bytes;
    const struct native_tables* tables;
    __u64 own_mac;
    __u32 length_bytes;
    __u16 offloaded_vlan;
    __u8 layer3;
    __u8 reserved;
};

struct packet_facts;

static __always_inline int frame_read(const struct frame* frame, __u32 offset, void* to,
                                      __u32 size) {
    if (offset > frame->length_bytes || size > frame->length_bytes - offset) return -1;
    memcpy(to, frame->bytes + offset, size);
    return 0;
}

static __always_inline int own_address(const struct frame* frame, const struct ip_bytes* address) {
    for (__u32 i = 0; i < frame->tables->own_count; i++)
        if (memcmp(&frame->tables->own[i], address, sizeof(*address)) == 0) return 1;
    return 0;
}

static __always_inline int native_prefix_match(const struct network_key* key,
                                               const struct ip_bytes* address) {
    for (__u32 bit = 0; bit < key->prefix_bits; bit++)
        if ((key->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80 >> (bit % 8))) return 0;
    return 1;
}

static __always_inline __u32 network_kind(const struct frame* frame,
                                          const struct ip_bytes* address) {
    const struct native_network* best = 0;
    for (__u32 i = 0; i < frame->tables->network_count; i++) {
        const struct native_network* entry = &frame->tables->networks[i];
        if (best && best->key.prefix_bits >= entry->key.prefix_bits) continue;
        if (native_prefix_match(&entry->key, address)) best = entry;
    }
    return best ? best->kind : 0;
}

static __always_inline __u64 boot_time_ns(const struct frame* frame) {
    return frame->tables->now_boot_ns;
}

static __always_inline __u64 flow_last_egress_ns(const struct frame* frame,
                                                 const struct flow_key* key) {
    for (__u32 i = 0; i < frame->tables->flow_count; i++)
        if (memcmp(&frame->tables->flows[i], key, sizeof(*key)) == 0)
            return boot_time_ns(frame) ? boot_time_ns(frame) : 1;
    return 0;
}

static __always_inline int conntrack_direction(const struct frame* frame,
                                               const struct packet_facts* facts, int inverse) {
    (void)frame;
    (void)facts;
    (void)inverse;
    return CONNTRACK_NONE;
}

static __always_inline __u32 trie_child(const struct frame* frame, const struct policy_image* image,
                                        __u32 node, __u32 nibble) {
    (void)image;
    if (node >= frame->tables->node_count) return TRIE_LEAF;
    return frame->tables->nodes[node].child[nibble & (TRIE_FANOUT - 1)];
}

static __always_inline int budget_take(const struct frame* frame, const struct ip_bytes* source,
                                       __u32 kind, __u32 per_second) {
    (void)source;
    (void)kind;
    (void)per_second;
    return frame->tables->budget_left != 0;
}
