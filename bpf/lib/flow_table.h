// SPDX-License-Identifier: GPL-2.0-only
// The table behind "we spoke first": two buckets a flow, a cache line each, five places a bucket.
//
// An entry is the flow's keyed 64-bit hash (SipHash-1-3 under a random key made with the table),
// not its 40 bytes: a look-up costs one or two cache lines, and 163,840 flows take 2 MiB. Nobody
// who does not know the key can aim at a bucket or make a packet look like a reply; a stranger's
// guess is taken for one of ten entries with probability 10 in 2^49.
//
// Written by egress (and once by the seed), never by ingress. A full pair of buckets gives up the
// entry that was used least: places are given a second chance when ingress met a reply to them,
// and of the rest the one whose last packet from us is oldest goes. Writers on several CPUs may
// meet: a place is taken by compare-and-swap, so an entry is never half of two flows; at worst a
// flow stands twice. Any array of buckets will do: nothing here needs a helper or a lock.
#pragma once

#include "abi/maps.h"
#include "lib/siphash.h"

#define FLOW_TABLE_FULL (-1)
#define FLOW_TABLE_NEW 1
#define FLOW_TABLE_DISPLACED 2  // another live entry went

// Never 0. IPv4 addresses are short enough for one word together.
static __always_inline __u64 flow_tag(const struct limit_seed* seed, const struct flow_key* key) {
    __u64 local[2], remote[2], ports;
    struct siphash state;
    __builtin_memcpy(local, key->local.bytes, 16);
    __builtin_memcpy(remote, key->remote.bytes, 16);
    ports = (__u64)key->protocol << 32 | (__u64)key->local_port_host << 16 | key->remote_port_host;
    siphash_start(&state, seed);
    if (!(local[0] | remote[0])) {
        siphash_word(&state, (local[1] & 0xffffffff00000000ull) | remote[1] >> 32);
        siphash_word(&state, ports | 4ull << 40);
        return siphash_end(&state, 16);
    }
    siphash_word(&state, local[0]);
    siphash_word(&state, local[1]);
    siphash_word(&state, remote[0]);
    siphash_word(&state, remote[1]);
    siphash_word(&state, ports);
    return siphash_end(&state, 40);
}

static __always_inline __u32 flow_bucket_one(__u64 tag) {
    return (__u32)tag & (FLOW_BUCKETS - 1);
}
static __always_inline __u32 flow_bucket_two(__u64 tag) {
    return (__u32)(tag >> 49) & (FLOW_BUCKETS - 1);
}

static __always_inline __u32 flow_free_places(const struct flow_bucket* bucket) {
    __u32 count = 0;
    for (__u32 i = 0; i < FLOW_PLACES; i++) count += !bucket->tags[i];
    return count;
}

// The place that a new entry may have: a free one, else the oldest that nobody has used since.
// Its score comes back in `score`: lower goes first.
static __always_inline __u32 flow_victim(const struct flow_bucket* bucket, __u64* score) {
    __u32 best = 0;
    *score = ~0ull;
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        __u64 mine = !bucket->tags[i]
                         ? 0
                         : 1ull + bucket->seen_s[i] + ((__u64)(bucket->used >> i & 1u) << 33);
        if (mine >= *score) continue;
        *score = mine;
        best = i;
    }
    return best;
}

static __always_inline int flow_take(struct flow_bucket* bucket, __u32 place, __u64 tag,
                                     __u32 now_s) {
    __u64 old;
#ifdef __bpf__
    asm volatile("" : "+r"(place));  // keep the check that the verifier needs
#endif
    if (place >= FLOW_PLACES) return FLOW_TABLE_FULL;
    old = *(volatile __u64*)&bucket->tags[place];
    if (__sync_val_compare_and_swap(&bucket->tags[place], old, tag) != old) return FLOW_TABLE_FULL;
    bucket->seen_s[place] = now_s;
    __sync_fetch_and_and(&bucket->used, ~(1u << place));
    return old ? FLOW_TABLE_DISPLACED : FLOW_TABLE_NEW;
}

// The flow stands in this bucket already: its last packet is now.
static __always_inline int flow_again(struct flow_bucket* bucket, __u64 tag, __u32 now_s) {
    for (__u32 i = 0; i < FLOW_PLACES; i++) {
        if (bucket->tags[i] != tag) continue;
        bucket->seen_s[i] = now_s;
        return 1;
    }
    return 0;
}

// Puts a flow into the better place of the two buckets, or renews it. FLOW_TABLE_FULL only when
// somebody else took that place in this very moment.
static __always_inline int flow_put(struct flow_bucket* one, struct flow_bucket* two, __u64 tag,
                                    __u32 now_s) {
    __u64 score_one, score_two;
    __u32 place_one, place_two;
    int outcome, second;
    if (flow_again(one, tag, now_s) || flow_again(two, tag, now_s)) return FLOW_TABLE_NEW;
    place_one = flow_victim(one, &score_one);
    place_two = flow_victim(two, &score_two);
    second = score_two < score_one;
    // Both have room: the emptier one, which keeps the table even (two choices, Mitzenmacher 2001).
    if (!score_one && !score_two) second = flow_free_places(two) > flow_free_places(one);
    outcome =
        second ? flow_take(two, place_two, tag, now_s) : flow_take(one, place_one, tag, now_s);
    if (outcome == FLOW_TABLE_DISPLACED) {
        // Every second chance has been taken: give none until they are earned again.
        if (score_one >> 33 && score_two >> 33) one->used = two->used = 0;
    }
    return outcome;
}
