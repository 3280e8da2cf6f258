// SPDX-License-Identifier: GPL-2.0-only
// The seam of the pipeline: where bytes and look-ups come from. In the kernel that is the program
// context and maps, natively an array and plain tables; the pipeline is the same source either way.
//
// Each backend defines struct frame (the packet, and the way to the tables) and:
//   int   frame_read(frame, offset, to, size)        0, or -1 beyond the end
//   const __u8* frame_bytes(frame, offset, size)     where they lie, or 0: ask frame_read()
//   int   own_address(frame, address)                this host owns it
//   __u32 network_kind(frame, address)               NETWORK_*, longest prefix; 0 = none
//   int   nobody_spoke_from(frame, protocol, port)   1 = no flow of ours has this local port
//   __u64 flow_last_egress_ns(frame, key)            0 = no such flow
//   int   conntrack_direction(frame, facts, inverse) CONNTRACK_*
//   const struct trie_node* trie_place(frame, slot, node)  a place of the trie; 0 on bad index
//   int   budget_take(frame, source, kind, per_second) 1 while the source's budget lasts
//   int   limit_reached(frame, source, condition)    1 = this try of the source is one too many
//   int   owner_holds_port(frame, owner, key, exact_only) 1 = see lib/owner.h
//   int   source_banned(frame, source)               1 = now
//   int   bans_exist(frame)                          0 = nobody is banned
//   int   existing_flows_known(frame)                0 = nobody was written down at a flip
//   __u64 existing_seen_ns(frame, key)               when the open flow was seen; 0 = never
//   __u64 boot_time_ns(frame)                        CLOCK_BOOTTIME: for deadlines
//   __u64 tick_time_ns(frame)                        CLOCK_MONOTONIC_COARSE: for idle times, rates
//   __u32 frame_length(frame)                        bytes of the whole frame
//
// struct frame has at least: length_bytes (what can be had without asking: of an XDP frame the
// linear part, else the whole frame), own_mac (low 48 bits, as on the wire, 0 = unknown),
// offloaded_vlan (TCI that the NIC took off, 0 = none), layer3 (no Ethernet header).
#pragma once

#define CONNTRACK_NONE 0
#define CONNTRACK_ORIGINAL 1
#define CONNTRACK_REPLY 2

// An index that the verifier can see is below a power of two. Without the barrier the compiler
// drops a mask that it can prove useless, and Linux 6.1's verifier does not find the same proof.
#ifdef __bpf__
#define bounded(index, limit)                   \
    ({                                          \
        __u32 bounded_index = (index);          \
        asm volatile("" : "+r"(bounded_index)); \
        bounded_index&(__u32)((limit)-1);       \
    })
#else
#define bounded(index, limit) ((__u32)(index) & (__u32)((limit)-1))
#endif

#define BUDGET_FRAGMENT 1u
#define BUDGET_ICMP_ERROR 2u

#ifdef __bpf__
#include "lib/backend_kernel.h"
#else
#include "lib/backend_native.h"
#endif
