// SPDX-License-Identifier: GPL-2.0-only
// The maps as types, written once. Programs that include this see them as extern; bpf/maps.bpf.c,
// which defines PORTLID_DEFINE_MAPS, is the one place where they exist and where each one's
// meaning, writer, reader, size reason and behaviour when full stand.
#pragma once

#include "vmlinux.h"
// vmlinux.h first: the helper declarations need its types.
#include <bpf/bpf_helpers.h>

#include "abi/maps.h"

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
    __u32 bound;  // 1 = bind() was called
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

PORTLID_MAP(socket_events);
PORTLID_MAP(verdict_events);
PORTLID_MAP(listeners);
PORTLID_MAP(bind_requests);
PORTLID_MAP(lost);
PORTLID_MAP(health);
