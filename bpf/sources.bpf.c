// SPDX-License-Identifier: GPL-2.0-only
// Source addresses behind the root of the policy's trie.
//
//   function trie_find_v4, trie_find_v6   ingress, egress: the entry at which an address ends
#include "lib/maps.h"
// after the helpers
#include "lib/source.h"

__noinline __u32 trie_find_v4(__u32 trie_slot, __u32 node, __u64 path) {
    return walk_v4(0, trie_slot, node, path);
}

__noinline __u32 trie_find_v6(__u32 trie_slot, __u32 node, __u64 high_path, __u64 low_path) {
    return walk_v6(0, trie_slot, node, high_path, low_path);
}

char LICENSE[] SEC("license") = "GPL";
