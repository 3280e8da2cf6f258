// SPDX-License-Identifier: GPL-2.0-only
// The maps as types, written once. Programs that include this see them as extern; bpf/maps.bpf.c,
// which defines PORTLID_DEFINE_MAPS, is the one place where they exist and where each one's
// meaning, writer, reader, size reason and behaviour when full stand.
#pragma once

#include "vmlinux.h"
// vmlinux.h first: the helper declarations need its types.
#include <bpf/bpf_helpers.h>

#include "abi/uses.h"
#include "lib/facts.h"

#ifdef PORTLID_DEFINE_MAPS
#define PORTLID_MAP(name) struct name##_map name SEC(".maps")
#else
#define PORTLID_MAP(name) extern struct name##_map name SEC(".maps")
#endif

#define SOCKET_EVENTS_BYTES (1024u * 1024u)
#define VERDICT_EVENTS_BYTES (512u * 1024u)
#define LISTENER_SLOTS 32768u

struct socket_events_map {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, SOCKET_EVENTS_BYTES);
};

struct verdict_events_map {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, VERDICT_EVENTS_BYTES);
};

struct listeners_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, LISTENER_SLOTS);
    __type(key, __u64);
    __type(value, struct listener_record);
};

// What bind() asked for, remembered until the kernel has chosen. Kept with the socket itself.
struct bind_request {
    __u32 requested_port_host;
    __u32 reserved;
};

struct bind_requests_map {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __s32);
    __type(value, struct bind_request);
};

struct lost_map {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, EVENT_KIND_SLOTS);
    __type(key, __u32);
    __type(value, __u64);
};

struct health_map {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HEALTH_SLOTS);
    __type(key, __u32);
    __type(value, __u64);
};

// ---- packets ----------------------------------------------------------------------------------

#define LOCAL_ADDRESS_SLOTS 4096u
#define NETWORK_SLOTS 4096u
#define RECENT_VERDICT_SLOTS 8192u
#define RECENT_USE_SLOTS 8192u
#define EXISTING_FLOW_SLOTS 65536u
#define BAN_SLOTS 65536u
// packet_scratch: one entry a program, since egress may be running below an ingress on one CPU.
#define SCRATCH_XDP 0u
#define SCRATCH_TC 1u
#define SCRATCH_EGRESS 2u
#define SCRATCH_SLOTS 3u

struct interfaces_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, INTERFACE_SLOTS);
    __type(key, __u32);
    __type(value, struct interface_config);
};

struct policy_image_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct policy_image));
};

struct policy_slots_map {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, POLICY_SLOTS);
    __type(key, __u32);
    __array(values, struct policy_image_map);
};

struct trie_chunk_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct trie_chunk));
};

struct trie_nodes_map {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, TRIE_SLOTS* TRIE_CHUNKS);
    __type(key, __u32);
    __array(values, struct trie_chunk_map);
};

struct local_addresses_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, LOCAL_ADDRESS_SLOTS);
    __type(key, struct ip_bytes);
    __type(value, __u32);
};

struct own_buckets_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, OWN_BUCKETS);
    __type(key, __u32);
    __type(value, struct own_bucket);
};

struct networks_map {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, NETWORK_SLOTS);
    __type(key, struct network_key);
    __type(value, __u32);
};

struct flows_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, FLOW_BUCKETS);
    __type(key, __u32);
    __type(value, struct flow_bucket);
};

struct used_ports_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, USED_PORT_WORDS);
    __type(key, __u32);
    __type(value, __u64);
};

struct asked_first_map {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ASKED_FIRST_SLOTS);
    __type(key, struct flow_key);
    __type(value, __u64);
};

struct existing_flows_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, EXISTING_FLOW_SLOTS);
    __type(key, struct flow_key);
    __type(value, struct existing_flow);
};
struct bans_map {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, BAN_SLOTS);
    __type(key, struct network_key);
    __type(value, struct ban);
};
struct table_sizes_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, TABLE_SLOTS);
    __type(key, __u32);
    __type(value, __u64);
};
struct limits_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, LIMIT_SETS);
    __type(key, __u32);
    __type(value, struct limit_set);
};
struct hash_seeds_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct hash_seed);
};
struct counters_map {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, INTERFACE_SLOTS* REASON_SLOTS* VERDICT_COUNT);
    __type(key, __u32);
    __type(value, struct counter);
};

struct recent_verdicts_map {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, RECENT_VERDICT_SLOTS);
    __type(key, struct verdict_key);
    __type(value, struct verdict_state);
};

struct recent_uses_map {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, RECENT_USE_SLOTS);
    __type(key, struct verdict_key);
    __type(value, struct use_state);
};

struct use_gates_map {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct use_gate);
};

struct budgets_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BUDGET_BUCKETS);
    __type(key, __u32);
    __type(value, __u64);
};

PORTLID_MAP(socket_events);
PORTLID_MAP(verdict_events);
PORTLID_MAP(listeners);
PORTLID_MAP(bind_requests);
PORTLID_MAP(lost);
PORTLID_MAP(health);
struct packet_scratch_map {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, SCRATCH_SLOTS);
    __type(key, __u32);
    __type(value, struct packet_facts);
};

PORTLID_MAP(interfaces);
PORTLID_MAP(policy_slots);
PORTLID_MAP(trie_nodes);
PORTLID_MAP(local_addresses);
PORTLID_MAP(own_buckets);
PORTLID_MAP(networks);
PORTLID_MAP(flows);
PORTLID_MAP(used_ports);
PORTLID_MAP(asked_first);
PORTLID_MAP(existing_flows);
PORTLID_MAP(bans);
PORTLID_MAP(table_sizes);
PORTLID_MAP(limits);
PORTLID_MAP(hash_seeds);
PORTLID_MAP(counters);
PORTLID_MAP(recent_verdicts);
PORTLID_MAP(recent_uses);
PORTLID_MAP(use_gates);
PORTLID_MAP(packet_scratch);

// Set by the loader before load: both conntrack kfuncs exist on this kernel.
#ifdef PORTLID_DEFINE_MAPS
const volatile __u8 conntrack_available = 0;
#else
extern const volatile __u8 conntrack_available;
#endif

#ifdef PORTLID_DEFINE_MAPS
struct budgets_map budgets SEC(".maps");
struct budgets_map event_budgets SEC(".maps");
struct flows_map forwarded_flows SEC(".maps");
#else
extern struct budgets_map budgets SEC(".maps");
extern struct budgets_map event_budgets SEC(".maps");
extern struct flows_map forwarded_flows SEC(".maps");
#endif
