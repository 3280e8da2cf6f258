// SPDX-License-Identifier: GPL-2.0-only
// Keys and values of the maps in bpf/maps.bpf.c, which states writer, size reason and behaviour
// when full for each. Ports are host order where the name says _host.
#pragma once

#include "events.h"
#include "image.h"
#include "reasons.h"

// interfaces: open-addressed by ifindex: slot = (ifindex + probe) % INTERFACE_SLOTS.
#define INTERFACE_PROBES 8u
struct interface_config {
    __u32 ifindex;       // 0 = free slot
    __u8 zone;           // index into image.zones
    __u8 force_monitor;  // 1 = nothing is dropped here (catch_all interfaces)
    __u8 mac[6];         // own link-layer address; all zero on L3 devices
    __u8 layer3;         // 1 = frames begin with the IP header
    __u8 reserved[3];
};
ABI_SIZE(struct interface_config, 16);

// policy_slots: outer slot 0 is the image in force; each gives way to the next at its deadline.
#define POLICY_SLOT_ACTIVE 0u
#define POLICY_SLOT_PREVIOUS 1u
#define POLICY_SLOTS 8u
#define TRIE_SLOTS 17u  // those of two whole sets of slots, and one being written

// trie_nodes: index = trie slot * TRIE_CHUNKS + node / TRIE_CHUNK_NODES. Nodes lie in chunks of one
// fixed size because only such arrays are read without a helper call (an array that may differ in
// size from its template is not inlined: ~30 ns a level). What an image does not use may point
// anywhere.
#define TRIE_CHUNK_NODES 4096u  // power of two; 256 KiB
#define TRIE_CHUNKS 2048u       // of one image: 8 million nodes
struct trie_chunk {
    struct trie_node nodes[TRIE_CHUNK_NODES];
};
ABI_SIZE(struct trie_chunk, 262144);

// local_addresses: presence = this host owns the address (v4-mapped for IPv4).
// own_buckets: the same, for look-ups without a helper call. Index: own_bucket_of() in lib/hash.h,
// the top 8 bits of 64; an empty place is all zero, which no host owns. What did not fit is only in
// local_addresses, and `more` says so.
#define OWN_BUCKETS 256u
#define OWN_BUCKET_SHIFT 56
#define OWN_PLACES 3u
struct own_bucket {
    struct ip_bytes addresses[OWN_PLACES];
    __u64 more;  // 1 = ask local_addresses too
    __u64 reserved;
};
ABI_SIZE(struct own_bucket, 64);
// networks: longest prefix of v4-mapped space -> what lives there.
#define NETWORK_CONNECTED 1u  // on-link prefix: an unknown address counts as own
#define NETWORK_CONTAINER 2u  // behind a bridge that a container engine owns
#define NETWORK_ROUTED 3u     // a container subnet that `routed:` opens
#define NETWORK_BROADCAST 4u
struct network_key {
    __u32 prefix_bits;  // 0..128, IPv4 prefixes are 96 + n
    struct ip_bytes address;
};
ABI_SIZE(struct network_key, 20);

// flows, forwarded_flows: we opened it; this host itself, or somebody whose packets it forwards.
// local/remote as seen on the wire at the uplink (after SNAT).
struct flow_key {
    struct ip_bytes local;
    struct ip_bytes remote;
    __u16 local_port_host;   // ICMP echo: the identifier
    __u16 remote_port_host;  // ICMP echo: 0
    __u8 protocol;
    __u8 reserved[3];
} __attribute__((aligned(8)));  // its addresses are read as words
ABI_SIZE(struct flow_key, 40);
// asked_first: same key, value u64 tick time (lib/clock.h) of the last question.
#define ASKED_FIRST_SLOTS 16384u
#define FLOW_BUCKETS 32768u  // power of two
#define FLOW_PLACES 5u
#define FLOW_SLOTS (FLOW_BUCKETS * FLOW_PLACES)  // of each of the two tables
struct flow_bucket {
    __u64 tags[FLOW_PLACES];    // keyed hash of a flow_key, see lib/flow_table.h; 0 = free
    __u32 seen_s[FLOW_PLACES];  // tick time (lib/clock.h) of our last packet, rounded down
    __u32 used;                 // bit n: ingress met a reply to place n since it was last spared
};
ABI_SIZE(struct flow_bucket, 64);
// used_ports: one bit per (protocol, local port) that a flow of either table was ever written for.
// A clear bit means that no such flow exists, so that nothing needs to be looked up.
#define USED_PORT_WORDS 2048u  // of 64 bits: TCP, then UDP
// What userspace hands to the program seed_flow: a flow that was open before the sensor.
struct flow_seed {
    struct flow_key key;
    __u32 age_s;  // since our last packet
    __u32 reserved;
};
ABI_SIZE(struct flow_seed, 48);
// What it hands to the program seed_port: a local port that a flow of ours was seen to use.
struct port_seed {
    __u16 port_host;
    __u8 protocol;
    __u8 reserved;
};
ABI_SIZE(struct port_seed, 4);

// existing_flows: TCP flows (keyed like `flows`) that were open when a zone began to enforce.
struct existing_flow {
    __u64 seen_boot_ns;  // counts for zones that began to enforce at this instant or later
};
ABI_SIZE(struct existing_flow, 8);

// bans: key network_key (v4-mapped space), longest prefix wins; therefore an entry also carries
// the deadlines of the bans that cover it.
struct ban {
    __u64 deadline_boot_ns;      // the latest of its own and the covering ones; BAN_FOR_EVER
    __u64 own_deadline_boot_ns;  // what was asked for
    __u64 hits;                  // packets that this ban decided about
    __u64 since_boot_ns;
};
ABI_SIZE(struct ban, 32);
#define BAN_FOR_EVER 0xffffffffffffffffull

// table_sizes: how many entries a table has, so that empty ones cost nothing to ask.
#define TABLE_BANS 0u
#define TABLE_EXISTING 1u
#define TABLE_EXISTING_OVERFLOW 2u  // flows that found existing_flows full
#define TABLE_FORWARDED 3u          // not 0: forwarded_flows was written (by egress)
// Not 0: used_ports knows every flow that conntrack could know of, so a clear bit there answers for
// both. Written by userspace, which watches the egress of every interface (app/reply_guard).
#define TABLE_PORTS_ARE_ALL 4u
// Not 0: whoever reads the rings waits to be woken (lib/emit.h). Written by userspace.
#define TABLE_READER_RESTS 5u
#define TABLE_SLOTS 6u

// limits: set = keyed hash of (source, condition.key), low bits. A cell is one source's tries.
#define LIMIT_SETS 4096u
#define LIMIT_WAYS 4u
#define LIMIT_STAMPS 11u
#define LIMIT_REFUSED_LAST 0x80000000u
struct limit_cell {
    __u64 key;              // the whole hash; 0 = never used
    __u64 expires_tick_ns;  // last try + period + 1 ms: from then on the source is forgotten
    __u32 tries;            // stamps left, two a refused one; LIMIT_REFUSED_LAST: the last one was
    __u32 stamps_ms[LIMIT_STAMPS];  // tick time of every stride-th stamp, a ring
};
ABI_SIZE(struct limit_cell, 64);
struct limit_set {
#ifdef __bpf__
    struct bpf_spin_lock lock;
#else
    __u32 lock;
#endif
    __u32 overflow_count;  // let through since overflow_since while no cell could be taken
    __u64 overflow_since_tick_ns;
    struct limit_cell cells[LIMIT_WAYS];
};
ABI_SIZE(struct limit_set, 272);
// hash_seeds: one entry, random, written by whoever makes the map; the key of `flows` and `limits`
// (lib/keyed_hash.h).
#define HASH_PLACES 10u
struct hash_factor {
    __u64 one, two;
};
struct hash_seed {
    __u64 odd;  // 0 = not written yet
    __u64 reserved;
    struct hash_factor start;
    struct hash_factor factors[HASH_PLACES];
};
ABI_SIZE(struct hash_seed, 192);

// counters: per CPU, index = (interface slot * REASON_SLOTS + reason) * VERDICT_COUNT + verdict.
// Each element also has the gate of the events of its kind. Under a flood, once the event budgets
// are out, only one of REPORT_SAMPLE packets goes through the aggregation, counted as that many;
// the epoch (jiffies >> REPORT_EPOCH_SHIFT, a few seconds) ends the sampling soon after the flood.
// quiet_jiffy[1] is the jiffy (its low 32 bits) for whose rest SYNs of this kind are only counted,
// since neither the ledger nor an event has room left for them; [0] that of everything else.
struct counter {
    __u64 packets;
    __u64 bytes;
    __u32 gate_epoch;
    __u32 skip_left;
    __u32 quiet_jiffy[2];
};
ABI_SIZE(struct counter, 32);
#define REPORT_SAMPLE 1024u
#define REPORT_EPOCH_SHIFT 10

// recent_verdicts: what was reported or counted lately, so a flood makes a summary, not a flood.
struct verdict_key {
    struct ip_bytes source;  // IPv6: the /64
    __u16 destination_port_host;
    __u8 protocol;
    __u8 reason;
    __u8 verdict;
    __u8 zone;
    __u8 reserved[2];
} __attribute__((aligned(8)));
ABI_SIZE(struct verdict_key, 24);
struct verdict_state {
    __u64 first_boot_ns;
    __u64 last_boot_ns;
    __u64 packets;   // since the entry was made, the reported one included
    __u64 reported;  // how many of them left as events of their own (0 or 1 a window)
    __u64 window;    // boot time / EVENT_WINDOW_NS in which it was last reported
};
ABI_SIZE(struct verdict_state, 40);
#define EVENT_WINDOW_NS 10000000000ull
#define EVENT_WINDOW_BUDGET 32u
#define EVENT_SOURCE_BUDGET 8u

// budgets and event_budgets: hashed buckets, window number in the high half, count in the low.
#define BUDGET_BUCKETS 16384u

// lost: per CPU, index = enum event_kind; records that found their ring full.
// health: per CPU, index below.
#define PORTLID_HEALTH(X)     \
    X(0, flow_inserts)        \
    X(1, flow_insert_failed)  \
    X(2, asked_first_inserts) \
    X(3, listeners_full)      \
    X(4, unknown_interface)   \
    X(5, limit_forgotten) X(6, limit_crowded) X(7, forwarded_inserts) X(8, owner_slots_full)
#define PORTLID_HEALTH_ENUM(number, name) HEALTH_##name = (number),
enum health_counter { PORTLID_HEALTH(PORTLID_HEALTH_ENUM) HEALTH_SLOTS = 16 };
#undef PORTLID_HEALTH_ENUM

// listeners: key socket cookie. The inventory's truth between sweeps.
struct listener_record {
    struct socket_identity socket;
    struct task_identity task;
    __u64 since_boot_ns;
    __u32 state;  // LISTENER_*
    __u32 reserved;
};
ABI_SIZE(struct listener_record, 208);
#define LISTENER_BOUND 1u      // bind() succeeded
#define LISTENER_LISTENING 2u  // TCP: in LISTEN
