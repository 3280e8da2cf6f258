// SPDX-License-Identifier: GPL-2.0-only
// Source address -> class: which of the policy's sets an address is in, as one number. A multibit
// trie, leaf-pushed by the compiler: 16 bits at the root, then 4 bits a node, or as many as a path
// has where the trie does not branch. An IPv4 source costs at most 5 dependent loads whatever the
// number of prefixes. The root knows which of the next sixteen ways differ from the rest; all
// others end there, in one load.
#pragma once

#include "lib/address.h"
#include "lib/backend.h"

// Nibbles below the root.
#define TRIE_LEVELS_V4 4
#define TRIE_LEVELS_V6 28

// What is left of an address, from the top; IPv4 needs no `low`.
struct trie_rest {
    __u64 high;
    __u64 low;
};

// `bits`: 1 to 60.
static __always_inline void consume(struct trie_rest* rest, __u32 bits) {
    rest->high = rest->high << (bits & 63) | rest->low >> ((64 - bits) & 63);
    rest->low <<= bits & 63;
}

static __always_inline __u32 follow_path(const struct trie_path* path, struct trie_rest* rest) {
    if ((rest->high ^ path->bits) >> ((64u - path->length) & 63))
        return TRIE_LEAF | path->otherwise;
    consume(rest, path->length);
    return path->then;
}

static __always_inline __u32 follow_node(const struct trie_node* node, struct trie_rest* rest) {
    const __u32 entry = node->child[rest->high >> 60];
    consume(rest, TRIE_STRIDE_BITS);
    return entry;
}

// Down from `entry` until a leaf, or the `levels` steps that a trie of this family can have.
static __always_inline __u32 walk_trie(const struct frame* frame, __u32 trie_slot, __u32 entry,
                                       struct trie_rest rest, int levels) {
    for (int level = 0; level < levels; level++) {
        const struct trie_node* node;
        if (entry & TRIE_LEAF) break;
        node = trie_place(frame, trie_slot, entry & TRIE_PATH ? TRIE_PATH_NODE(entry) : entry);
        if (!node) return TRIE_LEAF;
        entry = entry & TRIE_PATH ? follow_path(&node->paths[TRIE_PATH_PART(entry)], &rest)
                                  : follow_node(node, &rest);
    }
    return entry;
}

// From `node`, the entry of a root, down. In the kernel global functions (sources.bpf.c), verified
// once: their call costs less than one of their steps.
static __always_inline __u32 walk_v4(const struct frame* frame, __u32 trie_slot, __u32 node,
                                     __u64 path) {
    const struct trie_rest rest = {path, 0};
    return walk_trie(frame, trie_slot, node, rest, TRIE_LEVELS_V4);
}
static __always_inline __u32 walk_v6(const struct frame* frame, __u32 trie_slot, __u32 node,
                                     __u64 high_path, __u64 low_path) {
    const struct trie_rest rest = {high_path, low_path};
    return walk_trie(frame, trie_slot, node, rest, TRIE_LEVELS_V6);
}
#ifdef __bpf__
__u32 trie_find_v4(__u32 trie_slot, __u32 node, __u64 path);
__u32 trie_find_v6(__u32 trie_slot, __u32 node, __u64 high_path, __u64 low_path);
#define find_v4(frame, slot, node, path) trie_find_v4(slot, node, path)
#define find_v6(frame, slot, node, high, low) trie_find_v6(slot, node, high, low)
#else
#define find_v4 walk_v4
#define find_v6 walk_v6
#endif

static __always_inline int is_decided(const struct trie_root* root, __u64 path) {
    return !(root->below >> (path >> 60) & 1u);
}

static __always_inline __u32 class_of(__u32 entry) {
    return entry & TRIE_LEAF ? entry & ~TRIE_LEAF & (MAX_SOURCE_CLASSES - 1) : 0;
}

static __always_inline __u32 source_class_v4(const struct frame* frame,
                                             const struct policy_image* image,
                                             const struct ip_bytes* source) {
    __u32 host = __builtin_bswap32(ipv4_word(source));
    const struct trie_root* root = &image->source_root_v4[bounded(host >> 16, TRIE_ROOT_SIZE)];
    __u64 path = (__u64)host << 48;
    if (is_decided(root, path)) return root->class_id;
    return class_of(find_v4(frame, image->head.trie_slot, root->node, path));
}

static __always_inline __u32 source_class_v6(const struct frame* frame,
                                             const struct policy_image* image,
                                             const struct ip_bytes* source) {
    const struct trie_root* root;
    __u64 halves[2], path, low;
    load_halves(source, halves);
    path = __builtin_bswap64(halves[0]);
    root = &image->source_root_v6[bounded((__u32)(path >> 48), TRIE_ROOT_SIZE)];
    low = __builtin_bswap64(halves[1]);
    path = path << 16 | low >> 48;
    if (is_decided(root, path)) return root->class_id;
    return class_of(find_v6(frame, image->head.trie_slot, root->node, path, low << 16));
}

static __always_inline __u32 source_class(const struct frame* frame,
                                          const struct policy_image* image,
                                          const struct ip_bytes* source, __u8 family) {
    if (family == 4) return source_class_v4(frame, image, source);
    return source_class_v6(frame, image, source);
}
