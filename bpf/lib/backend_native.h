// SPDX-License-Identifier: GPL-2.0-only
// The pipeline's look-ups as plain tables in memory: for `explain`, `policy test`, the exposure
// table, unit tests and fuzzers. Linear scans: these tables hold tens of entries, and nobody waits.
#pragma once

#include <string.h>

#include "abi/maps.h"
#include "lib/limit.h"
#include "lib/owner.h"

struct native_network {
    struct network_key key;
    __u32 kind;  // NETWORK_*
};

struct native_ban {
    struct network_key key;
    __u64 deadline_boot_ns;
};
struct native_existing {
    struct flow_key key;
    __u64 seen_boot_ns;
};

// A slot somebody sits on; `owner` 0 = whoever it is, no owner was proven.
struct native_holder {
    struct port_slot_key slot;
    __u64 owner;
};

// Owned by the caller; must outlive the frame.
struct native_tables {
    const struct trie_node* nodes;
    const struct ip_bytes* own;
    const struct native_network* networks;
    const struct flow_key* flows;
    const struct native_ban* bans;
    const struct native_existing* existing;
    const struct native_holder* holders;  // of one slot as many as it has proven owners
    struct limit_set* limits;  // LIMIT_SETS of them; NULL: every source is new to every limit
    struct hash_seed hash_seed;
    __u32 node_count;
    __u32 own_count;
    __u32 network_count;
    __u32 flow_count;
    __u32 ban_count;
    __u32 existing_count;
    __u32 holder_count;
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

static __always_inline const __u8* frame_bytes(const struct frame* frame, __u32 offset,
                                               __u32 size) {
    return offset + size <= frame->length_bytes ? frame->bytes + offset : 0;
}

static __always_inline __u32 frame_length(const struct frame* frame) {
    return frame->length_bytes;
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

static __always_inline __u64 tick_time_ns(const struct frame* frame) {
    return boot_time_ns(frame);  // no tick, no suspend
}

static __always_inline int nobody_spoke_from(const struct frame* frame, __u8 protocol,
                                             __u16 port_host) {
    (void)frame, (void)protocol, (void)port_host;
    return 0;  // there is nothing to spare
}

static __always_inline __u64 flow_last_egress_ns(const struct frame* frame,
                                                 const struct flow_key* key) {
    for (__u32 i = 0; i < frame->tables->flow_count; i++)
        if (memcmp(&frame->tables->flows[i], key, sizeof(*key)) == 0)
            return tick_time_ns(frame) ? tick_time_ns(frame) : 1;
    return 0;
}

static __always_inline int conntrack_direction(const struct frame* frame,
                                               const struct packet_facts* facts, int inverse) {
    (void)frame;
    (void)facts;
    (void)inverse;
    return CONNTRACK_NONE;
}

static __always_inline const struct trie_node* trie_place(const struct frame* frame,
                                                          __u32 trie_slot, __u32 node) {
    (void)trie_slot;
    return node < frame->tables->node_count ? &frame->tables->nodes[node] : 0;
}

static __always_inline int budget_take(const struct frame* frame, const struct ip_bytes* source,
                                       __u32 kind, __u32 per_second) {
    (void)source;
    (void)kind;
    (void)per_second;
    return frame->tables->budget_left != 0;
}

static __always_inline int limit_reached(const struct frame* frame, const struct ip_bytes* source,
                                         const struct condition* rule) {
    struct ip_bytes whose;
    __u64 key;
    if (!frame->tables->limits) return rule->new_flows == 1;
    budget_source(source, &whose);
    key = limit_key(&frame->tables->hash_seed, &whose, rule->key);
    return limit_try(&frame->tables->limits[key & (LIMIT_SETS - 1)], key, rule,
                     tick_time_ns(frame)) &
           LIMIT_REFUSED;
}

static __always_inline int bans_exist(const struct frame* frame) {
    return frame->tables->ban_count != 0;
}

static __always_inline int native_slot_state(const struct native_tables* tables,
                                             const struct port_slot_key* slot, __u64 owner) {
    int state = SLOT_EMPTY;
    for (__u32 i = 0; i < tables->holder_count; i++) {
        if (memcmp(&tables->holders[i].slot, slot, sizeof(*slot)) != 0) continue;
        if (tables->holders[i].owner == owner) return SLOT_OWNER;
        state = SLOT_OTHER;
    }
    return state;
}

static __always_inline int owner_holds_port(const struct frame* frame, __u64 owner,
                                            const struct port_slot_key* slot, __u32 exact_only) {
    struct port_slot_key key = *slot;
    return OWNER_HOLDS_BY(native_slot_state, frame->tables, owner, &key, exact_only);
}

static __always_inline int source_banned(const struct frame* frame, const struct ip_bytes* source) {
    for (__u32 i = 0; i < frame->tables->ban_count; i++) {
        const struct native_ban* ban = &frame->tables->bans[i];
        if (ban->deadline_boot_ns > boot_time_ns(frame) && native_prefix_match(&ban->key, source))
            return 1;
    }
    return 0;
}

static __always_inline int existing_flows_known(const struct frame* frame) {
    return frame->tables->existing_count != 0;
}

static __always_inline __u64 existing_seen_ns(const struct frame* frame,
                                              const struct flow_key* key) {
    for (__u32 i = 0; i < frame->tables->existing_count; i++)
        if (memcmp(&frame->tables->existing[i].key, key, sizeof(*key)) == 0)
            return frame->tables->existing[i].seen_boot_ns;
    return 0;
}
