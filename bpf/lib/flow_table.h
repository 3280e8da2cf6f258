// SPDX-License-Identifier: GPL-2.0-only
// The table behind "we spoke first": two buckets a flow, a cache line each, five places a bucket.
//
// An entry is the flow's keyed 64-bit hash (lib/keyed_hash.h, under a random key made with the
// table), not its 40 bytes: a look-up costs one or two cache lines, and 163,840 flows take 2 MiB.
// Nobody who does not know the key can aim at a bucket or make a packet look like a reply; a
// stranger's guess is taken for one of ten entries with probability 10 in 2^49.
//
// Written by egress (and once by the seed), never by ingress. A full pair of buckets gives up the
// entry that was used least: places are given a second chance when ingress met a reply to them,
// and of the rest the one whose last packet from us is oldest goes. Writers on several CPUs may
// meet: a place is taken by compare-and-swap, so an entry is never half of two flows; at worst a
// flow stands twice. Any array of buckets will do: nothing here needs a helper or a lock.
#pragma once

#include "abi/maps.h"
#include "lib/address.h"
#include "lib/keyed_hash.h"

#define SECOND_NS 1000000000ull
// How long after our own last packet an answer is one.
#define FLOW_IDLE_NS (300u * SECOND_NS)  // UDP and others
#define ECHO_IDLE_NS (60u * SECOND_NS)

#define FLOW_TABLE_FULL (-1)
#define FLOW_TABLE_NEW 1
#define FLOW_TABLE_DISPLACED 2  // another live entry went

#define IPV4_MAPPED 0xffff0000ull  // the word before an IPv4 address, as it lies in memory

// 1 = both are IPv4 addresses.
static __always_inline int are_ipv4(const __u64 local[2], const __u64 remote[2]) {
    __u64 prefix = (local[1] ^ IPV4_MAPPED) | (remote[1] ^ IPV4_MAPPED);
    return !(local[0] | remote[0] | (__u32)prefix);
}

// Never 0. What all IPv4 addresses have in common is one word, the family, beside the protocol.
static __always_inline __u64 flow_tag(const struct hash_seed* seed, const struct flow_key* key) {
    __u64 local[2], remote[2];
    __u32 family = 4;
    struct keyed_hash hash;
    load_halves(&key->local, local);
    load_halves(&key->remote, remote);
    hash_start(&hash, seed);
    hash_word(&hash, seed, 0, (__u32)(local[1] >> 32));
    hash_word(&hash, seed, 1, (__u32)(remote[1] >> 32));
    if (!are_ipv4(local, remote)) {
        family = 6;
        hash_word(&hash, seed, 2, (__u32)local[1]);
        hash_word(&hash, seed, 3, (__u32)remote[1]);
        hash_half(&hash, seed, 4, local[0]);
        hash_half(&hash, seed, 6, remote[0]);
    }
    hash_word(&hash, seed, 8, (__u32)key->local_port_host << 16 | key->remote_port_host);
    hash_word(&hash, seed, 9, family << 8 | key->protocol);
    return hash_end(&hash, seed);
}

static __always_inline __u32 flow_bucket_one(__u64 tag) {
    return (__u32)tag & (FLOW_BUCKETS - 1);
}
static __always_inline __u32 flow_bucket_two(__u64 tag) {
    return (__u32)(tag >> 49) & (FLOW_BUCKETS - 1);
}

static __always_inline __u64 flow_free_places(const struct flow_bucket* bucket) {
    __u64 count = 0;
    for (__u32 i = 0; i < FLOW_PLACES; i++) count += !bucket->tags[i];
    return count;
}

// The place that a new entry may have, in one word: its score << 8 | free places << 4 | the place.
// A free one scores 0, else the oldest that nobody has used since; lower goes first.
#define FLOW_SCORE(pick) ((pick) >> 8)
#define FLOW_FREE(pick) ((pick) >> 4 & 15u)
#define FLOW_PLACE(pick) ((__u32)((pick)&15u))
static __always_inline __u64 flow_pick_in(const struct flow_bucket* bucket) {
    __u64 best = 0, lowest = ~0ull >> 8;
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        __u64 mine = !bucket->tags[i]
                         ? 0
                         : 1ull + bucket->seen_s[i] + ((__u64)(bucket->used >> i & 1u) << 33);
        if (mine >= lowest) continue;
        lowest = mine;
        best = i;
    }
    return lowest << 8 | flow_free_places(bucket) << 4 | best;
}

static __always_inline int flow_take_in(struct flow_bucket* bucket, __u32 place, __u64 tag,
                                        __u32 now_s) {
    __u64 old;
    if (place >= FLOW_PLACES) return FLOW_TABLE_FULL;
    old = *(volatile __u64*)&bucket->tags[place];
    if (__sync_val_compare_and_swap(&bucket->tags[place], old, tag) != old) return FLOW_TABLE_FULL;
    bucket->seen_s[place] = now_s;
    __sync_fetch_and_and(&bucket->used, ~(1u << place));
    return old ? FLOW_TABLE_DISPLACED : FLOW_TABLE_NEW;
}

// The flow stands in this bucket already: its last packet is now.
static __always_inline int flow_again_in(struct flow_bucket* bucket, __u64 tag, __u32 now_s) {
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        if (bucket->tags[i] != tag) continue;
        bucket->seen_s[i] = now_s;
        return 1;
    }
    return 0;
}

// The steps of flow_put(). In the kernel each is a global function of flows.bpf.c: what they find
// is unknown to the verifier there, so that what follows is walked once, not once for each of the
// thousand ways through their loops.
#ifdef __bpf__
typedef __u64 flow_ref;  // bucket number | forwarded << 32
__u64 flow_pick(flow_ref bucket);
int flow_take(flow_ref bucket, __u32 place, __u64 tag, __u32 now_s);
int flow_again(flow_ref bucket, __u64 tag, __u32 now_s);
int flow_spare_none(flow_ref bucket);
#else
typedef struct flow_bucket* flow_ref;
static __always_inline __u64 flow_pick(flow_ref bucket) {
    return flow_pick_in(bucket);
}
static __always_inline int flow_take(flow_ref bucket, __u32 place, __u64 tag, __u32 now_s) {
    return flow_take_in(bucket, place, tag, now_s);
}
static __always_inline int flow_again(flow_ref bucket, __u64 tag, __u32 now_s) {
    return flow_again_in(bucket, tag, now_s);
}
static __always_inline int flow_spare_none(flow_ref bucket) {
    bucket->used = 0;
    return 0;
}
#endif

// Puts a flow into the better place of the two buckets, or renews it. FLOW_TABLE_FULL only when
// somebody else took that place in this very moment.
static __always_inline int flow_put(flow_ref one, flow_ref two, __u64 tag, __u32 now_s) {
    __u64 pick_one, pick_two;
    int outcome, second;
    if (flow_again(one, tag, now_s) || flow_again(two, tag, now_s)) return FLOW_TABLE_NEW;
    pick_one = flow_pick(one);
    pick_two = flow_pick(two);
    second = FLOW_SCORE(pick_two) < FLOW_SCORE(pick_one);
    // Both have room: the emptier one, which keeps the table even (two choices, Mitzenmacher 2001).
    if (!FLOW_SCORE(pick_one) && !FLOW_SCORE(pick_two))
        second = FLOW_FREE(pick_two) > FLOW_FREE(pick_one);
    outcome = second ? flow_take(two, FLOW_PLACE(pick_two), tag, now_s)
                     : flow_take(one, FLOW_PLACE(pick_one), tag, now_s);
    // Every second chance has been taken: give none until they are earned again.
    if (outcome == FLOW_TABLE_DISPLACED && FLOW_SCORE(pick_one) >> 33 &&
        FLOW_SCORE(pick_two) >> 33) {
        flow_spare_none(one);
        flow_spare_none(two);
    }
    return outcome;
}
