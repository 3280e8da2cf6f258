// SPDX-License-Identifier: GPL-2.0-only
// Accounting of verdicts: exact counters for every packet, and for drops an aggregation that
// makes one event of the first of its kind and leaves the rest to a summary (contract §4).
// Nothing here can change a verdict.
#pragma once

#include "lib/interface.h"

static __always_inline struct counter* counter_of(__u32 slot, const struct judgement* judged) {
    __u32 index = (slot * REASON_SLOTS + judged->reason) * VERDICT_COUNT + judged->verdict;
    return bpf_map_lookup_elem(&counters, &index);
}

// Plain additions: both ingress programs run with softirqs off and never inside each other, so an
// element has one writer at a time (two atomic additions would cost a fifth of a drop).
static __always_inline void count_packet(struct counter* counter, __u32 length_bytes) {
    counter->packets += 1;
    counter->bytes += length_bytes;
}

static __always_inline __u32 gate_epoch(void) {
    return (__u32)(bpf_jiffies64() >> REPORT_EPOCH_SHIFT);
}

// 1 = the gate leaves this one out and has noted it; 0 = report() has to see it.
static __always_inline int stays_out(struct counter* counter) {
    if (counter->skip_left < 2 || counter->gate_epoch != gate_epoch()) return 0;
    counter->skip_left--;
    return 1;
}

// How many packets the one that got through stands for (see REPORT_SAMPLE).
static __always_inline __u32 pass_gate(struct counter* counter) {
    const __u32 was_left = counter->skip_left;
    counter->skip_left = 0;
    return was_left == 1 && counter->gate_epoch == gate_epoch() ? REPORT_SAMPLE : 1;
}

static __always_inline void close_gate(struct counter* counter) {
    counter->gate_epoch = gate_epoch();
    counter->skip_left = REPORT_SAMPLE;
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
                                         const struct policy_image* image, __u32 ifindex, __u8 zone,
                                         __u64 boot_ns) {
    struct verdict_event* event =
        event_reserve(&verdict_events, EVENT_verdict, sizeof(struct verdict_event), boot_ns);
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
    event_submit(&verdict_events, VERDICT_EVENTS_BYTES, event);
}

// Both budgets of the window have room: one source's, and the whole sensor's (bucket 0).
static __always_inline int take_event_budget(const struct ip_bytes* source, __u32 window) {
    __u32 bucket = 1 + hash_address(source) % (BUDGET_BUCKETS - 1);
    if (!bucket_take(&event_budgets, bucket, window, EVENT_SOURCE_BUDGET)) return 0;
    return bucket_take(&event_budgets, 0, window, EVENT_WINDOW_BUDGET);
}

// `counter` is that of the judgement.
static __always_inline void report(struct counter* counter, const struct packet_facts* facts,
                                   const struct judgement* judged, const struct policy_image* image,
                                   __u32 ifindex, __u8 zone) {
    struct verdict_state fresh = {};
    struct verdict_state* state;
    struct verdict_key key;
    __u32 weight;
    __u64 now, window;
    if (stays_out(counter)) return;
    weight = pass_gate(counter);
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
        close_gate(counter);
        return;
    }
    state->window = window;
    __sync_fetch_and_add(&state->reported, 1);
    send_verdict(facts, judged, image, ifindex, zone, now);
}
