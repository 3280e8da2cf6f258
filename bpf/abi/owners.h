// SPDX-License-Identifier: GPL-2.0-only
// Who holds an owned port, and who may bind: keys and values of the maps of bpf/lib/owner_maps.h.
#pragma once

#include "types.h"

// A place that a client can aim at in the sensor's own network namespace.
struct port_slot_key {
    struct ip_bytes address;  // local; any() = every address of the family, `::` of both
    __u16 port_host;
    __u8 protocol;  // IPPROTO_TCP or IPPROTO_UDP
    __u8 v6only;    // of `::` only: 1 = not IPv4 too
};
ABI_SIZE(struct port_slot_key, 20);

// port_slots: who sits there now. The number of `arrivals` names a state: it grows with every
// socket that comes, and begins at the boot time of the first, so that no number comes back.
struct port_slot {
    __u64 arrivals;
    __u32 sockets;  // 0 = nobody: the slot counts as absent
    __u32 reserved;
};
ABI_SIZE(struct port_slot, 16);

// port_proofs: value u64 = the `arrivals` for which every socket of the slot was proven to be of
// this owner. Any other number proves nothing.
struct port_proof_key {
    __u64 owner;  // condition.key
    struct port_slot_key slot;
    __u32 reserved;
};
ABI_SIZE(struct port_proof_key, 32);

// owned_ports: bit (port & 63) of element protocol * 1024 + port / 64; protocol 0 = TCP, 1 = UDP.
#define OWNED_WORDS 2048u
#define OWNED_WORD(is_udp, port) (((is_udp) ? 1024u : 0u) + ((__u32)(port) >> 6))

// What userspace hands to the program port_claim: a socket that no hook saw come, or a publication
// without a socket (a cookie that no socket has).
#define PORT_CLAIM_TAKE 1u
#define PORT_CLAIM_RELEASE 2u
#define PORT_CLAIM_NO_SOCKET 0x8000000000000000ull
struct port_claim {
    __u64 cookie;
    struct port_slot_key slot;
    __u32 operation;
};
ABI_SIZE(struct port_claim, 32);

// binds: element 0 of bind_settings. Rules are bits of one word.
#define BIND_RULES 64u
#define BINDS_RECORD 0u
#define BINDS_WOULD_REFUSE 1u
#define BINDS_REFUSE 2u
struct bind_settings {
    __u64 needs_cgroup;  // rules that ask for a cgroup (container, image, compose, label, unit)
    __u64 needs_user;
    __u64 needs_program;
    __u32 mode;  // BINDS_*
    __u32 reserved;
};
ABI_SIZE(struct bind_settings, 32);

// bind_ports: which set of rules names each of 8 neighbouring ports; 0 = none does. Index as
// protocol * 8192 + port / 8. bind_sets: by that number, the rules as bits.
#define BIND_PORTS_PER_ENTRY 8u
#define BIND_PORT_ENTRIES 16384u
#define BIND_PORT_ENTRY(is_udp, port) (((is_udp) ? 8192u : 0u) + ((__u32)(port) >> 3))
#define BIND_SETS 256u
struct bind_port_entry {
    __u8 set[BIND_PORTS_PER_ENTRY];
};
ABI_SIZE(struct bind_port_entry, 8);

// bind_who: which rules somebody fits, by one of the things that a task is.
#define BIND_BY_CGROUP 1u
#define BIND_BY_USER 2u
#define BIND_BY_PROGRAM 3u
struct bind_who_key {
    __u64 id;      // cgroup id in the v2 hierarchy, uid, or inode of the program
    __u32 device;  // of the program, as the kernel numbers it (major << 20 | minor); else 0
    __u32 kind;    // BIND_BY_*
};
ABI_SIZE(struct bind_who_key, 16);
