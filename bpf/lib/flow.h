// SPDX-License-Identifier: GPL-2.0-only
// Who spoke first. An entry in `flows` means that this host or one of its containers did; it is
// written at the egress of the uplinks (after SNAT, so containers are covered) and is what makes
// an incoming packet a reply. The whole promise rests on never writing one for an answer:
//   TCP   only a SYN without ACK opens.
//   ICMP  only an echo request opens.
//   else  not when a stranger asked first (asked_first, marked by ingress for would_drop packets),
//         not when conntrack saw him open the flow, and not when the policy admits him anyway
//         (the reply then needs no entry, and none is left behind when the port is closed).
// Two tables, so that no container can push out what the host itself opened.
#pragma once

#include "lib/interface.h"
#include "lib/used_ports.h"

static __always_inline void egress_key(const struct packet_facts* facts, struct flow_key* key) {
    __builtin_memset(key, 0, sizeof(*key));
    move_address(&key->local, &facts->source);
    move_address(&key->remote, &facts->destination);
    key->local_port_host = is_icmp(facts) ? facts->destination_port_host : facts->source_port_host;
    key->remote_port_host = is_icmp(facts) ? 0 : facts->destination_port_host;
    key->protocol = facts->protocol;
}

// Ingress: this stranger got in although some policy would (or may later) keep him out.
static __always_inline void mark_asked_first(const struct frame* frame,
                                             const struct packet_facts* facts) {
    struct flow_key key;
    __u64 now = tick_time_ns(frame);
    __u64* mark;
    __builtin_memset(&key, 0, sizeof(key));
    ingress_key(facts, &key);
    mark = bpf_map_lookup_elem(&asked_first, &key);
    if (mark) {
        *mark = now;
        return;
    }
    bpf_map_update_elem(&asked_first, &key, &now, BPF_ANY);
    count_health(HEALTH_asked_first_inserts);
}

// Egress: the packet belongs to a flow that a stranger began. A flow that goes on stays his.
static __always_inline int was_asked_first(const struct flow_key* key, __u64 now) {
    __u64* mark = bpf_map_lookup_elem(&asked_first, key);
    if (!mark || now - *mark > FLOW_IDLE_NS) return 0;
    *mark = now;
    return 1;
}

// The policy lets the peer in at the port we send from.
static __always_inline int peer_is_admitted(const struct frame* frame,
                                            const struct policy_image* image, __u32 zone_index,
                                            const struct packet_facts* facts) {
    const struct decision* decision;
    if (facts->protocol != PROTOCOL_UDP) return 0;
    decision = port_decision(frame, image, zone_index, PROTOCOL_UDP, facts->source_port_host,
                             &facts->destination, &facts->source, facts->family);
    return decision->allow && decision->reason == REASON_allowed;
}

// Tells ingress that the other table is worth asking.
static __always_inline void note_forwarded(void) {
    __u32 which = TABLE_FORWARDED;
    __u64* used = bpf_map_lookup_elem(&table_sizes, &which);
    if (used && !*used) *used = 1;
}

// flows.bpf.c, like flow_last_seen() in lib/backend_kernel.h. `forwarded`: 0 = the table of the
// host's own flows, 1 = of those it only forwards.
int flow_is_known(__u64 tag);
int flow_store(__u64 tag, __u64 now_ns, __u32 forwarded);
int flow_renew(__u64 tag, __u64 now_ns, __u64 idle_ns, __u32 forwarded);

static __always_inline void write_flow(const struct flow_key* key, __u64 tag, __u64 now,
                                       __u32 forwarded) {
    int outcome;
    use_port(key->protocol, key->local_port_host);
    outcome = flow_store(tag, now, forwarded);
    if (forwarded) note_forwarded();
    if (outcome == FLOW_TABLE_FULL)
        count_health(HEALTH_flow_insert_failed);
    else
        count_health(forwarded ? HEALTH_forwarded_inserts : HEALTH_flow_inserts);
}

static __always_inline int opens_by_itself(const struct packet_facts* facts) {
    if (facts->protocol == PROTOCOL_TCP) return (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    return is_icmp(facts) && is_echo(facts, 1);
}

static __always_inline void track_egress(const struct frame* frame,
                                         const struct policy_image* image, __u32 zone_index,
                                         const struct packet_facts* facts, int forwarded) {
    struct flow_key key;
    __u64 now, tag, idle_ns;
    int opens = opens_by_itself(facts);
    if (!opens && (facts->protocol == PROTOCOL_TCP || is_icmp(facts))) return;
    now = tick_time_ns(frame);
    egress_key(facts, &key);
    tag = flow_tag_of(&key);
    idle_ns = idle_limit_ns(facts->protocol);
    if (flow_renew(tag, now, idle_ns, (__u32)forwarded)) return;
    if (!opens) {
        if (was_asked_first(&key, now)) return;
        if (conntrack_direction(frame, facts, 1) == CONNTRACK_ORIGINAL) return;
        if (image && peer_is_admitted(frame, image, zone_index, facts)) return;
    }
    write_flow(&key, tag, now, (__u32)forwarded);
}
