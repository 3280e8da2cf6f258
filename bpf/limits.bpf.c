// SPDX-License-Identifier: GPL-2.0-only
// Tries of sources at services with a limit.
//
//   function limit_refuses   called by ingress for a SYN to a limited port; not 0 = refused
#include "lib/maps.h"
// after the helpers
#include "lib/clock.h"
#include "lib/emit.h"
#include "lib/limit.h"

static __always_inline int locked_try(const struct limit_question* question, __u64 key) {
    __u32 index = (__u32)key & (LIMIT_SETS - 1);
    struct limit_set* set = bpf_map_lookup_elem(&limits, &index);
    __u64 now_ns = tick_now_ns();
    int outcome;
    if (!set) return LIMIT_REFUSED;
    bpf_spin_lock(&set->lock);
    outcome = limit_try(set, key, &question->rule, now_ns);
    bpf_spin_unlock(&set->lock);
    return outcome;
}

// A global function: the verifier knows nothing of the question but its size.
__noinline int limit_refuses(const struct limit_question* question) {
    __u32 zero = 0;
    struct hash_seed* seed = bpf_map_lookup_elem(&hash_seeds, &zero);
    int outcome;
    if (!seed || !question) return LIMIT_REFUSED;
    outcome = locked_try(question, limit_key(seed, &question->source, question->rule.key));
    if (outcome & LIMIT_FORGOT) count_health(HEALTH_limit_forgotten);
    if (outcome & LIMIT_CROWDED) count_health(HEALTH_limit_crowded);
    return outcome & LIMIT_REFUSED;
}

char LICENSE[] SEC("license") = "GPL";
