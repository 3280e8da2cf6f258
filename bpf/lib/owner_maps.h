// SPDX-License-Identifier: GPL-2.0-only
// Maps of owned ports and of refused binds; defined by bpf/owners.bpf.c, which says what each is
// for. Twins share those that decide about packets.
#pragma once

#include "abi/owners.h"
#include "lib/maps.h"

#define PORT_SLOTS 16384u
#define PORT_PROOFS 16384u
#define BIND_WHO_SLOTS 32768u
#define BIND_ANCESTORS 12u

struct owned_ports_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, OWNED_WORDS);
    __type(key, __u32);
    __type(value, __u64);
};
struct port_sockets_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, PORT_SLOTS);
    __type(key, __u64);
    __type(value, struct port_slot_key);
};
struct port_slots_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, PORT_SLOTS);
    __type(key, struct port_slot_key);
    __type(value, struct port_slot);
};
struct port_proofs_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, PORT_PROOFS);
    __type(key, struct port_proof_key);
    __type(value, __u64);
};
struct bind_settings_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bind_settings);
};
struct bind_ports_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BIND_PORT_ENTRIES);
    __type(key, __u32);
    __type(value, struct bind_port_entry);
};
struct bind_sets_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BIND_SETS);
    __type(key, __u32);
    __type(value, __u64);
};
struct bind_who_map {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, BIND_WHO_SLOTS);
    __type(key, struct bind_who_key);
    __type(value, __u64);
};

#ifdef PORTLID_DEFINE_OWNER_MAPS
#define PORTLID_OWNER_MAP(name) struct name##_map name SEC(".maps")
#else
#define PORTLID_OWNER_MAP(name) extern struct name##_map name SEC(".maps")
#endif
PORTLID_OWNER_MAP(owned_ports);
PORTLID_OWNER_MAP(port_sockets);
PORTLID_OWNER_MAP(port_slots);
PORTLID_OWNER_MAP(port_proofs);
PORTLID_OWNER_MAP(bind_settings);
PORTLID_OWNER_MAP(bind_ports);
PORTLID_OWNER_MAP(bind_sets);
PORTLID_OWNER_MAP(bind_who);
