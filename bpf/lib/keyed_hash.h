// SPDX-License-Identifier: GPL-2.0-only
// A keyed 64-bit hash of a few 32-bit words: sums of products with random 64-bit factors, of which
// the upper halves count (Lemire, Kaser: "Strongly universal string hashing is fast", 2014). For
// any two different inputs all pairs of results are equally likely over the key, so two are the
// same with probability 2^-64 and meet in one of n buckets with 1/n, whatever the inputs. The last
// steps are one-to-one: they keep that, and hide the sum's linearity from who watches collisions.
// SipHash-1-3 costs five times as much in BPF, which cannot rotate. Same code natively.
#pragma once

#include "abi/maps.h"

struct keyed_hash {
    __u64 one, two;
};

static __always_inline void hash_start(struct keyed_hash* hash, const struct hash_seed* seed) {
    hash->one = seed->start.one;
    hash->two = seed->start.two;
}

// `place`: of the word in the input; words that are 0 may be left out.
static __always_inline void hash_word(struct keyed_hash* hash, const struct hash_seed* seed,
                                      __u32 place, __u32 word) {
    hash->one += seed->factors[place].one * word;
    hash->two += seed->factors[place].two * word;
}

// Two words, the lower one first.
static __always_inline void hash_half(struct keyed_hash* hash, const struct hash_seed* seed,
                                      __u32 place, __u64 half) {
    hash_word(hash, seed, place, (__u32)half);
    hash_word(hash, seed, place + 1, (__u32)(half >> 32));
}

// Never 0.
static __always_inline __u64 hash_end(const struct keyed_hash* hash, const struct hash_seed* seed) {
    __u64 result = (hash->one >> 32 << 32) | hash->two >> 32;
    result ^= result >> 32;
    result *= seed->odd;
    result ^= result >> 29;
    return result ? result : 1;
}

static __always_inline int hash_is_seeded(const struct hash_seed* seed) {
    return seed->odd != 0;
}

#ifndef __bpf__
// A key that anybody can know, for what is reproducible: splitmix64 (Steele, Lea, Flood 2014).
static inline struct hash_seed hash_seed_of(__u64 number) {
    struct hash_seed seed;
    __u64 words[sizeof(seed) / sizeof(__u64)];
    for (unsigned i = 0; i < sizeof(seed) / sizeof(__u64); i++) {
        __u64 mixed = number += 0x9e3779b97f4a7c15ull;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
        words[i] = mixed ^ mixed >> 31;
    }
    memcpy(&seed, words, sizeof(seed));
    seed.odd |= 1;
    return seed;
}
#endif
