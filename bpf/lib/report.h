// SPDX-License-Identifier: GPL-2.0-only
// Accounting of verdicts: exact counters for every packet, and for drops an aggregation that
// makes one event of the first of its kind and leaves the rest to a summary (contract §4).
// Nothing here can change a verdict.
#pragma once

#include "lib/interface.h"

// Plain additions: both ingress programs run with softirqs off and never inside each other, so an
// element has one writer at a time (two atomic additions would cost a fifth of a drop).
static __always_inline void count_verdict(__u32 slot, const struct judgement* judged,
                                          __u32 length_bytes) {
    __u32 index = (slot * REASON_SLOTS + judged->reason) * VERDICT_COUNT + judged->verdict;
    struct counter* counter = bpf_map_lookup_elem(&counters, &index);
    if (!counter) return;
    counter->packets += 1;
    counter->bytes += length_bytes;
}

// How many packets this call stands for; 0 = leave this one out (see REPORT_SAMPLE).
static __always_inline __u32 pass_gate(struct report_gate* gate) {
    if (!gate->skip_left) return 1;
    if (gate->epoch != bpf_jiffies64() >> REPORT_EPOCH_SHIFT) {
        gate->skip_left = 0;
        return 1;
    }
    if (--gate->skip_left) return 0;
    return REPORT_SAMPLE;
}

static __always_inline void close_gate(struct report_gate* gate) {
    gate->epoch = bpf_jiffies64() >> REPORT_EPOCH_SHIFT;
    gate->skip_left = REPORT_SAMPLE;
}

static __always_inline void fill_key(const struct packet_facts* facts,
                                     const struct judgement* judged, __u8 zone,
                                     struct verdict_key* key) {
    __builtin_memset(key, 0, sizeof(*key));
    budget_source(&facts->source, &key->source);
    key->destination_port_host = is_icmp(facts) ? 0 : facts->destination_port_host;
    key->protocol = facts->protocol;
    key->reason = judged->reason;
    key->verdict = judged->verdict;
    key->zone = zone;
}

static __always_inline void send_verdict(const struct packet_facts* facts,
                                         const struct judgement* judged,
                                         const struct policy_image* image, __u32 ifindex,
                                         __u8 zone) {
    struct verdict_event* event =
        event_reserve(&verdict_events, EVENT_verdict, sizeof(struct verdict_event));
    if (!event) return;
    event->generation = image->head.generation;
    event->source = facts->source;
    event->destination = facts->destination;
    event->ifindex = ifindex;
    event->length_bytes = facts->length_bytes;
    event->source_port_host = facts->source_port_host;
    event->destination_port_host = is_icmp(facts)
                                       ? (__u16)(facts->icmp_type << 8 | facts->icmp_code)
                                       : facts->destination_port_host;
    event->rule = judged->rule;
    event->vlan = facts->vlan;
    event->family = facts->family;
    event->protocol = facts->protocol;
    event->tcp_flags = facts->tcp_flags;
    event->zone = zone;
    event->reason = judged->reason;
    event->verdict = judged->verdict;
    event->hook = PACKET_HOOK;
    event->reserved = 0;
    event->reserved2 = 0;
    event->reserved3 = 0;
    event_submit(&verdict_events, event);
}

// Both budgets of the window have room: one source's, and the whole sensor's (bucket 0).
static __always_inline int take_event_budget(const struct ip_bytes* source, __u32 window) {
    __u32 bucket = 1 + hash_address(source) % (BUDGET_BUCKETS - 1);
    if (!bucket_take(&event_budgets, bucket, window, EVENT_SOURCE_BUDGET)) return 0;
    return bucket_take(&event_budgets, 0, window, EVENT_WINDOW_BUDGET);
}

static __always_inline void report(const struct packet_facts* facts, const struct judgement* judged,
                                   const struct policy_image* image, __u32 ifindex, __u8 zone) {
    struct verdict_state fresh = {};
    struct verdict_state* state;
    struct report_gate* gate;
    struct verdict_key key;
    __u32 zero = 0, weight;
    __u64 now, window;
    gate = bpf_map_lookup_elem(&report_gates, &zero);
    if (!gate) return;
    weight = pass_gate(gate);
    if (!weight) return;
    now = bpf_ktime_get_boot_ns();
    window = now / EVENT_WINDOW_NS;
    fill_key(facts, judged, zone, &key);
    state = bpf_map_lookup_elem(&recent_verdicts, &key);
    if (!state) {
        fresh.first_boot_ns = now;
        bpf_map_update_elem(&recent_verdicts, &key, &fresh, BPF_NOEXIST);
        state = bpf_map_lookup_elem(&recent_verdicts, &key);
        if (!state) return;
    }
    __sync_fetch_and_add(&state->packets, weight);
    state->last_boot_ns = now;
    if (state->window == window) return;
    if (!take_event_budget(&key.source, (__u32)window)) {
        close_gate(gate);
        return;
    }
    state->window = window;
    __sync_fetch_and_add(&state->reported, 1);
    send_verdict(facts, judged, image, ifindex, zone);
}
