// SPDX-License-Identifier: GPL-2.0-only
// `limit: N/period`, as `ufw limit` counts (netfilter's xt_recent: --set, then --update --seconds
// --hitcount): every try (pure SYN) of a source leaves a stamp, a refused one leaves a second. A
// try is refused when it and the N - 1 stamps before it lie within one period. The same code in
// the kernel (under the set's lock) and natively.
//
// A fixed table of LIMIT_SETS sets of LIMIT_WAYS cells; the set is chosen by a keyed hash, so an
// attacker cannot aim at one. When a set is full, the newcomer takes an expired cell, else that
// with the fewest stamps among those whose last try passed (whose source is forgotten: its count
// starts again). A source whose last try was refused is never forgotten early; when all cells of a
// set are such, newcomers to it share one fixed-window budget of N - 1 flows a period: neither let
// in at will nor shut out.
//
// A cell remembers the times of every stride-th stamp in a ring of `slots`. The compiler chooses
// stride 1 up to N = 12: exact. Beyond, up to stride - 1 tries more than N - 1 may pass.
#pragma once

#include "abi/maps.h"
#include "lib/hash.h"
#include "lib/keyed_hash.h"

#define LIMIT_REFUSED 1
#define LIMIT_FORGOT 2   // a live source lost its cell to this one
#define LIMIT_CROWDED 4  // no cell of the set may be taken; the shared budget decided
#define NS_PER_MS 1000000ull

// Of (source, rule); never 0.
static __always_inline __u64 limit_key(const struct hash_seed* seed, const struct ip_bytes* source,
                                       __u64 rule_key) {
    struct keyed_hash hash;
    __u64 halves[2];
    load_halves(source, halves);
    hash_start(&hash, seed);
    hash_half(&hash, seed, 0, halves[0]);
    hash_half(&hash, seed, 2, halves[1]);
    hash_half(&hash, seed, 4, rule_key);
    return hash_end(&hash, seed);
}

// The source's cell, else the one it may take; LIMIT_WAYS when none may be taken.
static __always_inline __u32 pick_cell(const struct limit_set* set, __u64 key, __u64 now_ns) {
    __u32 best = LIMIT_WAYS, least = LIMIT_REFUSED_LAST;
    for (__u32 way = 0; way < LIMIT_WAYS; way++) {
        const struct limit_cell* cell = &set->cells[way];
        __u32 tries = now_ns >= cell->expires_tick_ns ? 0 : cell->tries;
        if (cell->key == key) return way;
        if (tries < least) {
            least = tries;
            best = way;
        }
    }
    return best;
}

// Where the n-th stamp lies. Divisions are a fifth of a try, and most limits keep every stamp.
static __always_inline __u32 ring_slot(const struct condition* rule, __u32 stamp) {
    return (rule->stride == 1 ? stamp : stamp / rule->stride) % rule->slots;
}

// 1 = the stamp that lies N - 1 before this try is no older than the period.
static __always_inline int is_too_many(const struct limit_cell* cell, const struct condition* rule,
                                       __u32 now_ms) {
    __u32 enough = rule->new_flows - 1, slot;
    if (!enough) return 1;
    if (cell->tries < enough) return 0;
    slot = ring_slot(rule, cell->tries - enough);
    if (slot >= LIMIT_STAMPS) return 0;
    return now_ms - cell->stamps_ms[slot] <= (__u32)(rule->period_ns / NS_PER_MS);
}

static __always_inline void leave_stamp(struct limit_cell* cell, const struct condition* rule,
                                        __u32 now_ms) {
    __u32 slot = ring_slot(rule, cell->tries);
    int kept = rule->stride == 1 || cell->tries % rule->stride == 0;
    if (kept && slot < LIMIT_STAMPS) cell->stamps_ms[slot] = now_ms;
    cell->tries++;
    // Whole rounds of the ring less: the places of the others stay what they were.
    if (cell->tries >= LIMIT_REFUSED_LAST / 2) {
        __u32 round = (__u32)rule->stride * rule->slots;
        cell->tries -= LIMIT_REFUSED_LAST / 4 / round * round;
    }
}

static __always_inline int try_in_cell(struct limit_cell* cell, const struct condition* rule,
                                       __u64 now_ns) {
    __u32 now_ms = (__u32)(now_ns / NS_PER_MS);
    int refused;
    cell->tries &= ~LIMIT_REFUSED_LAST;
    if (now_ns >= cell->expires_tick_ns) cell->tries = 0;
    cell->expires_tick_ns = now_ns + rule->period_ns + NS_PER_MS;  // times are whole milliseconds
    refused = is_too_many(cell, rule, now_ms);
    leave_stamp(cell, rule, now_ms);
    if (!refused) return 0;
    leave_stamp(cell, rule, now_ms);
    cell->tries |= LIMIT_REFUSED_LAST;
    return LIMIT_REFUSED;
}

static __always_inline int try_in_crowd(struct limit_set* set, const struct condition* rule,
                                        __u64 now_ns) {
    if (now_ns - set->overflow_since_tick_ns >= rule->period_ns) {
        set->overflow_since_tick_ns = now_ns;
        set->overflow_count = 0;
    }
    if (set->overflow_count + 1 >= rule->new_flows) return LIMIT_CROWDED | LIMIT_REFUSED;
    set->overflow_count++;
    return LIMIT_CROWDED;
}

// One try; LIMIT_* flags. `key` is never 0. The caller holds the set's lock.
static __always_inline int limit_try(struct limit_set* set, __u64 key, const struct condition* rule,
                                     __u64 now_ns) {
    __u32 way = pick_cell(set, key, now_ns);
    struct limit_cell* cell = &set->cells[way & (LIMIT_WAYS - 1)];
    int forgot = 0;
    if (way >= LIMIT_WAYS) return try_in_crowd(set, rule, now_ns);
    if (cell->key != key) {
        if (now_ns < cell->expires_tick_ns) forgot = LIMIT_FORGOT;
        cell->key = key;
        cell->expires_tick_ns = 0;
    }
    return forgot | try_in_cell(cell, rule, now_ns);
}

#ifdef __bpf__
struct limit_question {
    struct condition rule;
    struct ip_bytes source;  // IPv6: the /64
};
// LIMIT_* flags; in limits.bpf.c, verified once for all programs.
int limit_refuses(const struct limit_question* question);
#endif
