// SPDX-License-Identifier: GPL-2.0-only
// The compiled policy: one flat, position-free structure. The kernel reads it as the single
// element of a map, `policy test` and `explain` read the very same bytes in memory, so there is
// no second representation to keep equal. Built by userspace/policy/compile, published by
// userspace/kernel/generations, read by bpf/lib/pipeline.h. Never changed after it is published:
// a new policy is a new image, and publishing it is one pointer write.
//
// Byte order: everything here is host order; ports are host-order indices.
#pragma once

#include "types.h"

#define MAX_ZONES 8u       // zone index 0..7
#define PORT_PROTOCOLS 2u  // 0 = TCP, 1 = UDP
#define PORTS 65536u
#define MAX_RULE_SETS 4096u  // distinct combinations of services on one port; 0 = no service
#define MAX_DECISIONS 4096u
#define MAX_CONDITIONS 2048u
#define MAX_CHAINED_CONDITIONS 4u  // on one decision, its `otherwise` and so on
#define MAX_MODE_EXCEPTIONS 1024u
#define MAX_CELLS 262144u         // sum over rule sets of sources x destinations
#define MAX_SOURCE_CLASSES 4096u  // distinct combinations of sets an address may be in; 0 = none
#define MAX_DESTINATION_CLASSES 64u
#define DESTINATION_SLOTS 512u  // open-addressed; power of two
#define DESTINATION_PROBES 16u
#define TRIE_ROOT_BITS 16u
#define TRIE_ROOT_SIZE 65536u
#define TRIE_STRIDE_BITS 4u
#define TRIE_FANOUT 16u
#define INTERFACE_SLOTS 64u  // of the interfaces map, see abi/maps.h

// One outcome of the policy for a new flow: what reason, whether it passes, whose rule said so,
// and whether that rule enforces. Index 0 of image.decisions is never used.
struct decision {
    __u16 rule;       // index into the generation's rule list (names live in userspace)
    __u8 reason;      // enum reason
    __u8 allow;       // 1 = passes
    __u8 enforce;     // 0 = a drop is only a would_drop
    __u8 failsafe;    // 1 = stands before bans and deny sets (row 8)
    __u16 condition;  // failsafe: the decision where it does not stand; else 0 = none, or the
                      // index of what must hold at run time for it to stand
};
ABI_SIZE(struct decision, 8);

// What a decision depends on beyond the packet. Index 0 of image.conditions is never used.
// A limit refuses the new_flows-th try (pure SYN) of a source within period_ns, counting refused
// tries twice, as `ufw limit` does; see lib/limit.h for stride and slots.
// An owner holds while everybody who sits on the packet's port is proven to be that owner; see
// lib/owner.h.
#define CONDITION_LIMIT 1u
#define CONDITION_OWNER 2u
struct condition {
    __u64 key;        // of the service and its rate, or of the owner: the same across generations
    __u64 period_ns;  // at most MAX_LIMIT_PERIOD_NS
    __u32 new_flows;  // 1..MAX_LIMIT_FLOWS
    __u16 stride;     // one stamp in so many is remembered with its time
    __u16 slots;      // 1..LIMIT_STAMPS times are remembered
    __u16 otherwise;  // the decision when this does not hold; never 0
    __u16 then;       // the decision when it holds; 0 = the one that carries this condition
    __u8 kind;        // CONDITION_*
    __u8 reserved[3];
};
ABI_SIZE(struct condition, 32);
#define MAX_LIMIT_FLOWS 65535u
#define MAX_LIMIT_PERIOD_NS (24ull * 86400u * 1000000000u)  // times are 32 bits of milliseconds

// Where the cells of one rule set begin and which of its dimensions are used.
// cell = first_cell + destination_class * source_span + source_class; an unused dimension counts
// as class 0 and its span is 1, so "open to everybody" is one load.
struct rule_set {
    __u32 first_cell;
    __u16 source_span;       // 1 = the source does not matter; else image source_classes
    __u16 destination_span;  // 1 = the destination does not matter; else image destination_classes
};
ABI_SIZE(struct rule_set, 8);

// What the zone itself decides, outside any service.
struct zone_rules {
    __u64 existing_ns;       // `existing:`; ~0 = for ever
    __u64 enforce_since_ns;  // boot time at which the zone last began to enforce, filled by the
                             // publisher; 0 = nothing in it enforces
    __u64 protocols[4];      // bit n: IP protocol n may come in (row 10)
    __u16 default_decision;  // row 14, index into decisions
    __u16 ping_rule;         // rule index for rows 10 (ping), 10 (protocol), 6, 9 and built-in rows
    __u16 protocol_rule;
    __u16 transit_rule;
    __u16 deny_rule;
    __u16 direct_rule;
    __u8 enforce;  // mode of rows 1-10 and 14
    __u8 ping_allow;
    __u8 transit_allow;
    __u8 reserved;
};
ABI_SIZE(struct zone_rules, 64);

// Who enforces, by name, so that the publisher can tell a zone that begins to enforce from one
// that goes on: a zone by zone_rules.enforce, a service in a zone by an exception or as its zone.
struct mode_exception {
    __u64 service;  // hash of its name
    __u32 zone;     // index
    __u32 enforce;  // other than the zone's own
};
ABI_SIZE(struct mode_exception, 16);
struct policy_modes {
    __u64 zone_names[MAX_ZONES];  // hashes
    __u32 exception_count;
    __u32 reserved;
    struct mode_exception exceptions[MAX_MODE_EXCEPTIONS];
};

// source_class_flags bits
#define SOURCE_DENIED 1u      // in a deny set (row 9)
#define SOURCE_MANAGEMENT 2u  // in `management`

// A destination address that some service names with `addresses:`.
struct destination_slot {
    struct ip_bytes address;
    __u32 class_id;  // 0 = empty slot
};
ABI_SIZE(struct destination_slot, 20);

// A trie entry, by its top bits: a leaf (the class id), a path, else the index of a trie_node whose
// sixteen children the next four bits choose from.
#define TRIE_LEAF 0x80000000u
#define TRIE_PATH 0x40000000u

// Where all addresses but those that go on with `bits` are of one class, as in the long single
// branches that a prefix of IPv6 makes: one step instead of one for every four bits.
struct trie_path {
    __u64 bits;       // the next bits of the address, from the top; the rest is 0
    __u32 then;       // the entry behind them
    __u16 otherwise;  // the class of all that differ
    __u8 length;      // of `bits`, 1..TRIE_PATH_BITS; a multiple of four unless `then` is a leaf
    __u8 reserved;
};
ABI_SIZE(struct trie_path, 16);
#define TRIE_PATH_BITS 60u
#define TRIE_PATHS 4u  // to a node's place

struct trie_node {
    union {
        __u32 child[TRIE_FANOUT];
        struct trie_path paths[TRIE_PATHS];
    };
};
ABI_SIZE(struct trie_node, 64);
// Path `part` of the paths that lie in the place of node `node`.
#define TRIE_PATH_ENTRY(node, part) (TRIE_PATH | (node) << 2 | (part))
#define TRIE_PATH_NODE(entry) (((entry) & ~TRIE_PATH) >> 2)
#define TRIE_PATH_PART(entry) ((entry) & (TRIE_PATHS - 1u))

// What stands behind the first 16 bits. Most addresses are decided here, without a node: only the
// nibbles that differ from the most frequent class lead on.
struct trie_root {
    __u32 node;      // the entry of the nibbles in `below`, a node or a path
    __u16 class_id;  // of all others
    __u16 below;     // bit n: look up nibble n in `node`
};
ABI_SIZE(struct trie_root, 8);

// image_head.flags
#define IMAGE_HAS_DENY 1u          // some source class carries SOURCE_DENIED
#define IMAGE_HAS_DESTINATIONS 2u  // some service names addresses
#define IMAGE_HAS_OWNERS 4u        // some condition is CONDITION_OWNER

struct image_head {
    __u64 generation;        // 1, 2, ...; 0 = not ready
    __u64 deadline_boot_ns;  // 0 = confirmed; else past it the previous image decides
    __u32 abi_version;
    __u32 flags;
    __u32 trie_slot;  // which slot of trie_nodes belongs to this image
    __u32 zone_count;
    __u32 source_classes;       // at least 1
    __u32 destination_classes;  // at least 1
    __u32 decision_count;
    __u32 cell_count;
};
ABI_SIZE(struct image_head, 48);

// interface_zones: which zone an interface slot belongs to under this very policy, so that zones
// and rules change in one step. 0 = not attached when the image was made: the slot's own entry in
// the interfaces map counts.
#define IMAGE_ZONE(zone, force_monitor) ((__u8)((zone) + 1u) | ((force_monitor) ? 0x80u : 0u))
#define IMAGE_ZONE_INDEX(entry) (((entry)&0x7fu) - 1u)
#define IMAGE_ZONE_MONITORS(entry) ((entry) >> 7)

struct policy_image {
    struct image_head head;
    __u8 interface_zones[INTERFACE_SLOTS];
    struct zone_rules zones[MAX_ZONES];
    struct trie_root source_root_v4[TRIE_ROOT_SIZE];  // first 16 bits of the address
    struct trie_root source_root_v6[TRIE_ROOT_SIZE];
    struct rule_set rule_sets[MAX_RULE_SETS];
    struct decision decisions[MAX_DECISIONS];
    struct condition conditions[MAX_CONDITIONS];
    struct policy_modes modes;  // for the publisher; no program reads it
    struct destination_slot destinations[DESTINATION_SLOTS];
    __u16 ports[MAX_ZONES][PORT_PROTOCOLS][PORTS];  // rule set of a host port, 0 = no service
    __u16 cells[MAX_CELLS];                         // index into decisions
    __u8 source_class_flags[MAX_SOURCE_CLASSES];
};
