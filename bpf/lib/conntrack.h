// SPDX-License-Identifier: GPL-2.0-only
// What the kernel's connection tracking knows of a flow, where it runs at all (kfuncs of
// net/netfilter/nf_conntrack_bpf.c, Linux 5.18 on; absent ones are weak and never reached).
// An entry alone proves nothing: only its direction says who spoke first.
#pragma once

#include "lib/packet.h"

// One question: the tuple as it travels, and what protocol.
struct conntrack_query {
    struct bpf_sock_tuple tuple;
    __u8 family;
    __u8 protocol;
};
// CONNTRACK_* of the query. Global functions in conntrack.bpf.c, verified once: the linker of
// Debian 12's bpftool cannot merge kfunc externs of two objects, so the kfuncs live in one.
int conntrack_xdp(struct xdp_md* context, const struct conntrack_query* query);
int conntrack_skb(struct __sk_buff* context, const struct conntrack_query* query);

static __always_inline void fill_query(struct conntrack_query* query,
                                       const struct packet_facts* facts, int inverse) {
    const struct ip_bytes* from = inverse ? &facts->destination : &facts->source;
    const struct ip_bytes* to = inverse ? &facts->source : &facts->destination;
    __be16 sport_be =
        __builtin_bswap16(inverse ? facts->destination_port_host : facts->source_port_host);
    __be16 dport_be =
        __builtin_bswap16(inverse ? facts->source_port_host : facts->destination_port_host);
    struct bpf_sock_tuple* tuple = &query->tuple;
    query->family = facts->family;
    query->protocol = facts->protocol;
    if (facts->family == 4) {
        __builtin_memcpy(&tuple->ipv4.saddr, from->bytes + 12, 4);
        __builtin_memcpy(&tuple->ipv4.daddr, to->bytes + 12, 4);
        tuple->ipv4.sport = sport_be;
        tuple->ipv4.dport = dport_be;
        return;
    }
    __builtin_memcpy(tuple->ipv6.saddr, from->bytes, 16);
    __builtin_memcpy(tuple->ipv6.daddr, to->bytes, 16);
    tuple->ipv6.sport = sport_be;
    tuple->ipv6.dport = dport_be;
}

// Direction in which the packet (or, `inverse`, its answer) travels in conntrack's eyes.
static __always_inline int conntrack_direction(const struct frame* frame,
                                               const struct packet_facts* facts, int inverse) {
    struct conntrack_query query = {};
    if (!conntrack_available) return CONNTRACK_NONE;
    if (facts->protocol != PROTOCOL_TCP && facts->protocol != PROTOCOL_UDP) return CONNTRACK_NONE;
    fill_query(&query, facts, inverse);
#ifdef PORTLID_XDP
    return conntrack_xdp(frame->context, &query);
#else
    return conntrack_skb(frame->context, &query);
#endif
}
