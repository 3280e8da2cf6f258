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

// policy_slots: outer slot 0 is the image in force, slot 1 the one to fall back to.
#define POLICY_SLOT_ACTIVE 0u
#define POLICY_SLOT_PREVIOUS 1u
#define POLICY_SLOTS 2u
#define TRIE_SLOTS 4u

// local_addresses: presence = this host owns the address (v4-mapped for IPv4).
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

// flows: we opened it. local/remote as seen on the wire at the uplink (after SNAT).
struct flow_key {
    struct ip_bytes local;
    struct ip_bytes remote;
    __u16 local_port_host;   // ICMP echo: the identifier
    __u16 remote_port_host;  // ICMP echo: 0
    __u8 protocol;
    __u8 reserved[3];
};
ABI_SIZE(struct flow_key, 40);
struct flow_state {
    __u64 last_egress_boot_ns;
};
ABI_SIZE(struct flow_state, 8);

// counters: per CPU, index = (interface slot * REASON_SLOTS + reason) * VERDICT_COUNT + verdict.
struct counter {
    __u64 packets;
    __u64 bytes;
};
ABI_SIZE(struct counter, 16);

// recent_verdicts: what was reported or counted lately, so a flood makes a summary, not a flood.
struct verdict_key {
    struct ip_bytes source;  // IPv6: the /64
    __u16 destination_port_host;
    __u8 protocol;
    __u8 reason;
    __u8 verdict;
    __u8 zone;
    __u8 reserved[2];
};
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

// report_gates: under a flood, once the event budgets are out, only one drop in REPORT_SAMPLE goes
// through the aggregation, counted as that many. The epoch (jiffies >> REPORT_EPOCH_SHIFT, a few
// seconds) ends the sampling soon after the flood.
#define REPORT_SAMPLE 128u
#define REPORT_EPOCH_SHIFT 10
struct report_gate {
    __u64 epoch;
    __u64 skip_left;
};
ABI_SIZE(struct report_gate, 16);

// budgets and event_budgets: hashed buckets, window number in the high half, count in the low.
#define BUDGET_BUCKETS 16384u

// lost: per CPU, index = enum event_kind; records that found their ring full.
// health: per CPU, index below.
#define PORTLID_HEALTH(X) \
    X(0, flow_inserts)    \
    X(1, flow_insert_failed) X(2, asked_first_inserts) X(3, listeners_full) X(4, unknown_interface)
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
