// SPDX-License-Identifier: GPL-2.0-only
// Sockets coming to and leaving the slots of owned ports.
#pragma once

#include "lib/emit.h"
#include "lib/owner.h"
#include "lib/owner_maps.h"

// The sensor's own network namespace, where the uplinks are. Set before load; 0 = no port is owned.
#ifdef PORTLID_DEFINE_OWNER_MAPS
const volatile __u64 sensor_netns_cookie = 0;
#else
extern const volatile __u64 sensor_netns_cookie;
#endif

static __always_inline int port_is_owned(int is_udp, __u16 port_host) {
    __u32 index = OWNED_WORD(is_udp, port_host);
    __u64* word = bpf_map_lookup_elem(&owned_ports, &index);
    return word && *word >> (port_host & 63) & 1;
}

static __always_inline int same_slot(const struct port_slot_key* a, const struct port_slot_key* b) {
    __u64 x[2], y[2];
    __builtin_memcpy(x, a->address.bytes, sizeof(x));
    __builtin_memcpy(y, b->address.bytes, sizeof(y));
    return x[0] == y[0] && x[1] == y[1] && a->port_host == b->port_host &&
           a->protocol == b->protocol && a->v6only == b->v6only;
}

// One more socket of a slot: whatever was proven about it holds no longer.
static __always_inline int count_arrival(const struct port_slot_key* key) {
    struct port_slot fresh = {.arrivals = bpf_ktime_get_boot_ns()};
    struct port_slot* slot = bpf_map_lookup_elem(&port_slots, key);
    if (!slot) {
        bpf_map_update_elem(&port_slots, key, &fresh, BPF_NOEXIST);
        slot = bpf_map_lookup_elem(&port_slots, key);
    }
    if (!slot) return 0;
    __sync_fetch_and_add(&slot->sockets, 1);
    __sync_fetch_and_add(&slot->arrivals, 1);
    return 1;
}

static __always_inline int release_port(__u64 cookie) {
    struct port_slot_key* found = bpf_map_lookup_elem(&port_sockets, &cookie);
    struct port_slot_key key;
    struct port_slot* slot;
    if (!found) return 0;
    key = *found;
    // Whoever deletes it, and nobody else, counts it out.
    if (bpf_map_delete_elem(&port_sockets, &cookie)) return 0;
    slot = bpf_map_lookup_elem(&port_slots, &key);
    if (slot) __sync_fetch_and_sub(&slot->sockets, 1);
    return 0;
}

// The socket is written down before the arrival shows: whoever reads the slot's number afterwards
// and then lists the sockets finds it.
static __always_inline int take_port(__u64 cookie, const struct port_slot_key* key) {
    struct port_slot_key* known = bpf_map_lookup_elem(&port_sockets, &cookie);
    struct port_slot_key any = *key;
    if (known && same_slot(known, key)) return 0;
    if (known) release_port(cookie);
    if (bpf_map_update_elem(&port_sockets, &cookie, key, BPF_NOEXIST))
        count_health(HEALTH_owner_slots_full);
    if (count_arrival(key)) return 0;
    count_health(HEALTH_owner_slots_full);
    // No room for the exact address: nobody's wildcard may stand for it meanwhile.
    any_address(&any.address, is_mapped_v4(&key->address));
    if (!count_arrival(&any)) return 1;
    bpf_map_update_elem(&port_sockets, &cookie, &any, BPF_EXIST);
    return 1;
}

static __always_inline int is_loopback_bytes(const struct ip_bytes* address) {
    const __u8* b = address->bytes;
    __u64 high;
    __builtin_memcpy(&high, b, 8);
    if (is_mapped_v4(address)) return b[12] == 127;
    return high == 0 && !b[8] && !b[9] && !b[10] && !b[11] && !b[12] && !b[13] && !b[14] &&
           b[15] == 1;
}

static __always_inline int is_any_v6(const struct ip_bytes* address) {
    __u64 words[2];
    __builtin_memcpy(words, address->bytes, sizeof(words));
    return !(words[0] | words[1]);
}

// A socket that can receive now. Ports nobody owns cost one array look-up; other namespaces and
// loopback no uplink leads to.
static __always_inline int socket_arrived(const struct socket_identity* socket) {
    int is_udp = socket->protocol == IPPROTO_UDP;
    struct port_slot_key key = {.address = socket->address, .port_host = socket->port_host};
    if (!is_udp && socket->protocol != IPPROTO_TCP && socket->protocol != IPPROTO_MPTCP) return 0;
    if (!socket->port_host || !port_is_owned(is_udp, socket->port_host)) return 0;
    if (socket->netns_cookie != sensor_netns_cookie || is_loopback_bytes(&socket->address))
        return 0;
    key.protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP;
    key.v6only = is_any_v6(&socket->address) && (socket->flags & SOCKET_V6ONLY);
    take_port(socket->cookie, &key);
    return 1;
}
