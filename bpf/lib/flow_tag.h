// SPDX-License-Identifier: GPL-2.0-only
// The tag under which a flow stands in the tables, from the key that was made with them.
#pragma once

#include "lib/flow_table.h"
#include "lib/maps.h"

static __always_inline __u64 table_size(__u32 which) {
    __u64* size = bpf_map_lookup_elem(&table_sizes, &which);
    return size ? *size : 0;
}

// 0 = the table has no seed yet, so nothing was ever put into it.
static __always_inline __u64 flow_tag_of(const struct flow_key* key) {
    __u32 zero = 0;
    const struct hash_seed* seed = bpf_map_lookup_elem(&hash_seeds, &zero);
    return seed && hash_is_seeded(seed) ? flow_tag(seed, key) : 0;
}
