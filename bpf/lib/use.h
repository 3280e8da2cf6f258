// SPDX-License-Identifier: GPL-2.0-only
// Evidence for the ledger: new flows to ports, whether let in or not, by (source, port). It makes
// no event and cannot change a verdict.
#pragma once

#include "lib/report.h"

// Rows that say of a port whether a policy opens it; replies, transit and noise say nothing.
static __always_inline int is_evidence(__u8 reason) {
    switch (reason) {
        case REASON_failsafe:
        case REASON_denied:
        case REASON_ping_denied:
        case REASON_protocol_denied:
        case REASON_allowed:
        case REASON_limited:
        case REASON_source_not_allowed:
        case REASON_owner_absent:
        case REASON_no_service:
        case REASON_zone_default:
            return 1;
        default:
            return 0;
    }
}

// 1 or 0.
static __always_inline int has_syn(const struct packet_facts* facts) {
    return facts->protocol == PROTOCOL_TCP && (facts->tcp_flags & TCP_SYN) != 0;
}

// How many more of its kind may be noted in this jiffy; NULL = no gate.
static __always_inline __u32* open_use_gate(const struct packet_facts* facts) {
    __u32 zero = 0;
    struct use_gate* gate = bpf_map_lookup_elem(&use_gates, &zero);
    __u64 jiffy = bpf_jiffies64();
    if (!gate) return 0;
    if (gate->jiffy != jiffy) {
        gate->jiffy = jiffy;
        gate->syns_left = USE_SYNS_A_JIFFY;
        gate->others_left = USE_OTHERS_A_JIFFY;
    }
    return has_syn(facts) ? &gate->syns_left : &gate->others_left;
}

static __always_inline int pass_use_gate(const struct packet_facts* facts) {
    __u32* left = open_use_gate(facts);
    if (!left || !*left) return 0;
    *left -= 1;
    return 1;
}

static __always_inline struct use_state* use_entry(const struct verdict_key* key,
                                                   const struct packet_facts* facts, __u32 ifindex,
                                                   __u64 now) {
    struct use_state fresh = {};
    struct use_state* state = bpf_map_lookup_elem(&recent_uses, key);
    if (state) return state;
    fresh.first_boot_ns = now;
    fresh.destination = facts->destination;
    fresh.ifindex = ifindex;
    bpf_map_update_elem(&recent_uses, key, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&recent_uses, key);
}

static __always_inline void note_use(const struct packet_facts* facts,
                                     const struct judgement* judged, __u32 ifindex, __u8 zone) {
    struct use_state* state;
    struct verdict_key key;
    __u64 now;
    if (!is_evidence(judged->reason)) return;
    if (!pass_use_gate(facts)) return;
    now = bpf_ktime_get_boot_ns();
    fill_key(facts, judged, zone, &key);
    state = use_entry(&key, facts, ifindex, now);
    if (!state) return;
    __sync_fetch_and_add(&state->packets, 1);
    state->last_boot_ns = now;
    if (has_syn(facts))
        __sync_fetch_and_add(&state->syns, 1);
    else if (facts->protocol == PROTOCOL_TCP && (facts->tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK)
        __sync_fetch_and_add(&state->acks, 1);
}

// 1 = count this packet and be done with it: the long way was here in this jiffy and found that
// neither the ledger nor an event has room for more of its kind. One look for both gates.
static __always_inline int is_quiet(struct counter* counter, int syn, int drops) {
    if (counter->quiet_jiffy[syn] != (__u32)bpf_jiffies64()) return 0;
    if (!drops) return 1;
    if (counter->skip_left < 2) return 0;
    counter->skip_left--;
    return 1;
}

// The other half: the long way has noted and told of this packet what it may.
static __always_inline void become_quiet(struct counter* counter, const struct packet_facts* facts,
                                         const struct judgement* judged) {
    if (is_evidence(judged->reason)) {
        const __u32* left = open_use_gate(facts);
        if (!left || *left) return;
    }
    if (judged->verdict != VERDICT_allow &&
        (counter->skip_left < 2 || counter->gate_epoch != gate_epoch()))
        return;
    counter->quiet_jiffy[has_syn(facts)] = (__u32)bpf_jiffies64();
}
