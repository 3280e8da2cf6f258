// SPDX-License-Identifier: GPL-2.0-only
// Records on the two rings. Every record begins with event_head; userspace trusts no byte of it
// before userspace/event/decode has checked size, version and kind.
#pragma once

#include "types.h"

#define PORTLID_EVENT_KINDS(X)                                          \
    X(1, bind)    /* a bind() succeeded (post_bind hook) */             \
    X(2, listen)  /* a TCP socket reached LISTEN */                     \
    X(3, close)   /* a recorded socket was released or stopped */       \
    X(4, verdict) /* first drop or would_drop of its kind, see below */ \
    X(5, refused) /* a bind() that `binds:` refuses, or would (SOCKET_WOULD_REFUSE) */

#define PORTLID_EVENT_KIND_ENUM(number, name) EVENT_##name = (number),
enum event_kind { PORTLID_EVENT_KINDS(PORTLID_EVENT_KIND_ENUM) EVENT_KIND_SLOTS = 8 };
#undef PORTLID_EVENT_KIND_ENUM

struct event_head {
    __u64 boot_ns;      // CLOCK_BOOTTIME
    __u32 size;         // of the whole record in bytes
    __u16 abi_version;  // PORTLID_ABI_VERSION
    __u16 kind;         // enum event_kind
};
ABI_SIZE(struct event_head, 16);

#define TASK_COMM_BYTES 16
#define CGROUP_NAME_BYTES \
    96  // docker-<64 hex>.scope is 77; kernfs names are cut, never unterminated

// Who did it, as the kernel saw it at that moment. comm and cgroup names are attacker-chosen bytes.
struct task_identity {
    __u64 start_boot_ns;  // with pid, names a process for good
    __u64 cgroup_id;      // in the v2 hierarchy
    __u32 pid;            // thread group, in the initial pid namespace
    __u32 ppid;
    __u32 uid;
    __u32 task_netns;  // inode of the task's network namespace (may differ from the socket's)
    char comm[TASK_COMM_BYTES];
    char cgroup_name[CGROUP_NAME_BYTES];  // leaf directory of cgroup_id
};
ABI_SIZE(struct task_identity, 144);

struct socket_identity {
    __u64 cookie;
    __u64 netns_cookie;
    struct ip_bytes address;    // local
    __u32 netns;                // inode; 0 = not known in the kernel, resolve by netns_cookie
    __u32 protocol;             // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_MPTCP, ...
    __u16 port_host;            // host order; 0 = not known yet
    __u16 requested_port_host;  // what bind() asked for; 0 = any (ephemeral) or no bind()
    __u16 backlog;
    __u8 family;  // 4 or 6: the socket's family; v4-mapped addresses stay 6
    __u8 flags;   // SOCKET_*
};
ABI_SIZE(struct socket_identity, 48);
#define SOCKET_V6ONLY 1u
#define SOCKET_REUSEPORT 2u
#define SOCKET_BOUND 4u         // bind() was called on it
#define SOCKET_WOULD_REFUSE 8u  // of a refused event: only recorded

struct socket_event {
    struct event_head head;
    struct socket_identity socket;
    struct task_identity task;
};
ABI_SIZE(struct socket_event, 208);

struct verdict_event {
    struct event_head head;
    __u64 generation;
    struct ip_bytes source;
    struct ip_bytes destination;
    __u32 ifindex;
    __u32 length_bytes;  // of the frame on the wire
    __u16 source_port_host;
    __u16 destination_port_host;  // ICMP: type << 8 | code
    __u16 rule;
    __u16 vlan;   // 0 = untagged
    __u8 family;  // 4 or 6
    __u8 protocol;
    __u8 tcp_flags;
    __u8 zone;
    __u8 reason;
    __u8 verdict;
    __u8 hook;  // enum hook_kind
    __u8 reserved;
    __u32 reserved2;
    __u32 reserved3;
};
ABI_SIZE(struct verdict_event, 88);

#define PORTLID_HOOKS(X) X(1, xdp) X(2, tc)
#define PORTLID_HOOK_ENUM(number, name) HOOK_##name = (number),
enum hook_kind { PORTLID_HOOKS(PORTLID_HOOK_ENUM) HOOK_SLOTS = 4 };
#undef PORTLID_HOOK_ENUM
