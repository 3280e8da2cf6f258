// SPDX-License-Identifier: GPL-2.0-only
// Source address -> class: which of the policy's sets an address is in, as one number. A multibit
// trie, leaf-pushed by the compiler: 16 bits at the root, then 4 bits a node, so an IPv4 source
// costs at most 5 dependent loads whatever the number of prefixes.
#pragma once

#include "lib/backend.h"

#define TRIE_LEVELS_V4 4   // (32 - 16) / 4
#define TRIE_LEVELS_V6 28  // (128 - 16) / 4

static __always_inline __u32 walk_trie(const struct frame* frame, const struct policy_image* image,
                                       __u32 entry, const __u8* below_root, int levels) {
    for (int level = 0; level < levels; level++) {
        __u8 byte;
        if (entry & TRIE_LEAF) break;
        byte = below_root[level / 2];
        entry = trie_child(frame, image, entry, level & 1 ? byte & 0x0fu : (__u32)byte >> 4);
    }
    return entry & TRIE_LEAF ? entry & ~TRIE_LEAF & (MAX_SOURCE_CLASSES - 1) : 0;
}

static __always_inline __u32 source_class(const struct frame* frame,
                                          const struct policy_image* image,
                                          const struct ip_bytes* source, __u8 family) {
    const __u8* bytes = source->bytes;
    if (family == 4)
        return walk_trie(frame, image,
                         image->source_root_v4[bounded(bytes[12] << 8 | bytes[13], TRIE_ROOT_SIZE)],
                         bytes + 14, TRIE_LEVELS_V4);
    return walk_trie(frame, image,
                     image->source_root_v6[bounded(bytes[0] << 8 | bytes[1], TRIE_ROOT_SIZE)],
                     bytes + 2, TRIE_LEVELS_V6);
}
