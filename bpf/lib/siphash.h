// SPDX-License-Identifier: GPL-2.0-only
// SipHash-1-3 (Aumasson, Bernstein 2012) over 64-bit words: a keyed hash, so that nobody who does
// not know the key can choose what collides. Same code in the kernel and natively.
#pragma once

#include "abi/maps.h"

struct siphash {
    __u64 v[4];
};

static __always_inline __u64 rotate_left(__u64 value, int bits) {
    return value << bits | value >> (64 - bits);
}

static __always_inline void sip_round(__u64 v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static __always_inline void siphash_start(struct siphash* state, const struct limit_seed* seed) {
    state->v[0] = seed->words[0] ^ 0x736f6d6570736575ull;
    state->v[1] = seed->words[1] ^ 0x646f72616e646f6dull;
    state->v[2] = seed->words[0] ^ 0x6c7967656e657261ull;
    state->v[3] = seed->words[1] ^ 0x7465646279746573ull;
}

static __always_inline void siphash_word(struct siphash* state, __u64 word) {
    state->v[3] ^= word;
    sip_round(state->v);
    state->v[0] ^= word;
}

// Never 0. `bytes` is how much went in, a multiple of 8.
static __always_inline __u64 siphash_end(struct siphash* state, __u8 bytes) {
    __u64 hash;
    siphash_word(state, (__u64)bytes << 56);
    state->v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(state->v);
    hash = state->v[0] ^ state->v[1] ^ state->v[2] ^ state->v[3];
    return hash ? hash : 1;
}
