// SPDX-License-Identifier: GPL-2.0-only
// Look-ups and writes in the two flow tables, as global functions: each is verified once and alone.
//
//   function flow_last_seen   ingress: when did a packet of this flow last leave?
//   function flow_is_known    seed_flow
//   function flow_renew       egress: another packet of a known flow left
//   function flow_store       egress, seed_flow: a flow that we opened
#include "lib/maps.h"
// after the helpers
#include "lib/clock.h"
#include "lib/flow_table.h"
#include "lib/flow_tag.h"

static __always_inline struct flow_bucket* bucket_at(__u32 index, __u32 forwarded) {
    if (forwarded) return bpf_map_lookup_elem(&forwarded_flows, &index);
    return bpf_map_lookup_elem(&flows, &index);
}

// To the end of the second in which `tag` was last seen to leave; 0 = not in this bucket. Marks it
// as used.
static __always_inline __u64 find_in(struct flow_bucket* bucket, __u64 tag) {
    if (!bucket) return 0;
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        if (bucket->tags[i] != tag) continue;
        if (!(bucket->used >> i & 1u)) __sync_fetch_and_or(&bucket->used, 1u << i);
        return (bucket->seen_s[i] + 1ull) * SECOND_NS - 1;
    }
    return 0;
}

static __always_inline __u64 flow_find(__u64 tag, __u32 forwarded) {
    __u64 last = find_in(bucket_at(flow_bucket_one(tag), forwarded), tag);
    return last ? last : find_in(bucket_at(flow_bucket_two(tag), forwarded), tag);
}

// 1 = it stands in the table of the host's own flows.
__noinline int flow_is_known(__u64 tag) {
    return tag && flow_find(tag, 0);
}

// The later of what the two tables know; 0 = neither knows it. Entries are never removed, and a
// container may come to the port that the host spoke from long ago: an old one hides no new one.
__noinline __u64 flow_last_seen(const struct flow_key* key) {
    __u64 tag, own, forwarded;
    if (!key) return 0;
    tag = flow_tag_of(key);
    if (!tag) return 0;
    own = flow_find(tag, 0);
    if (!table_size(TABLE_FORWARDED)) return own;
    if (own && tick_now_ns() <= own + ECHO_IDLE_NS) return own;  // fresh for every protocol
    forwarded = flow_find(tag, 1);
    return forwarded > own ? forwarded : own;
}

static __always_inline int renew_in(struct flow_bucket* bucket, __u64 tag, __u64 now_ns,
                                    __u64 idle_ns) {
    __u32 now_s = (__u32)(now_ns / SECOND_NS);
    if (!bucket || !tag) return 0;
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        if (bucket->tags[i] != tag) continue;
        if (idle_ns != ~0ull && now_ns > (bucket->seen_s[i] + 1ull) * SECOND_NS + idle_ns) return 0;
        if (bucket->seen_s[i] != now_s) bucket->seen_s[i] = now_s;
        return 1;
    }
    return 0;
}

// 1 = the flow is known and its last packet no longer ago than `idle_ns`: it is of now again.
__noinline int flow_renew(__u64 tag, __u64 now_ns, __u64 idle_ns, __u32 forwarded) {
    if (renew_in(bucket_at(flow_bucket_one(tag), forwarded), tag, now_ns, idle_ns)) return 1;
    return renew_in(bucket_at(flow_bucket_two(tag), forwarded), tag, now_ns, idle_ns);
}

static __always_inline struct flow_bucket* bucket_of(flow_ref ref) {
    return bucket_at((__u32)ref, (__u32)(ref >> 32));
}

__noinline __u64 flow_pick(flow_ref ref) {
    struct flow_bucket* bucket = bucket_of(ref);
    return bucket ? flow_pick_in(bucket) : 0;
}

__noinline int flow_take(flow_ref ref, __u32 place, __u64 tag, __u32 now_s) {
    struct flow_bucket* bucket = bucket_of(ref);
    return bucket ? flow_take_in(bucket, place, tag, now_s) : FLOW_TABLE_FULL;
}

__noinline int flow_again(flow_ref ref, __u64 tag, __u32 now_s) {
    struct flow_bucket* bucket = bucket_of(ref);
    return bucket ? flow_again_in(bucket, tag, now_s) : 0;
}

__noinline int flow_spare_none(flow_ref ref) {
    struct flow_bucket* bucket = bucket_of(ref);
    if (bucket) bucket->used = 0;
    return 0;
}

// FLOW_TABLE_*.
__noinline int flow_store(__u64 tag, __u64 now_ns, __u32 forwarded) {
    flow_ref one = (__u64)forwarded << 32 | flow_bucket_one(tag);
    flow_ref two = (__u64)forwarded << 32 | flow_bucket_two(tag);
    __u32 now_s = (__u32)(now_ns / SECOND_NS);
    int outcome;
    if (!tag) return FLOW_TABLE_FULL;
    outcome = flow_put(one, two, tag, now_s);
    // Somebody took that very place meanwhile: there are nine others.
    return outcome == FLOW_TABLE_FULL ? flow_put(one, two, tag, now_s) : outcome;
}

char LICENSE[] SEC("license") = "GPL";
