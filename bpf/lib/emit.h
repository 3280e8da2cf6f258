// SPDX-License-Identifier: GPL-2.0-only
// The only code that reserves ring space. A record that finds its ring full is counted, exactly,
// in lost[kind]; userspace turns the count into a sensor.gap event.
#pragma once

#include "lib/maps.h"

// Adds one; atomic, since softirq code may interrupt a program on the same CPU.
static __always_inline void count_one(void* per_cpu_array, __u32 index) {
    __u64* slot = bpf_map_lookup_elem(per_cpu_array, &index);
    if (slot) __sync_fetch_and_add(slot, 1);
}

static __always_inline void count_health(enum health_counter which) {
    count_one(&health, which);
}

static __always_inline void count_lost(enum event_kind kind) {
    count_one(&lost, kind);
}

// `size_bytes` must be a constant, sizeof the record; `boot_ns` is when it happened. The head is
// filled in, the rest is not zeroed: the caller writes every member. NULL (already counted) when
// the ring is full; otherwise event_submit must follow.
static __always_inline void* event_reserve(void* ring, enum event_kind kind, __u32 size_bytes,
                                           __u64 boot_ns) {
    struct event_head* head = bpf_ringbuf_reserve(ring, size_bytes, 0);
    if (!head) {
        count_lost(kind);
        return 0;
    }
    head->boot_ns = boot_ns;
    head->size = size_bytes;
    head->abi_version = PORTLID_ABI_VERSION;
    head->kind = (__u16)kind;
    return head;
}

static __always_inline int reader_rests(void) {
    __u32 which = TABLE_READER_RESTS;
    __u64* rests = bpf_map_lookup_elem(&table_sizes, &which);
    return rests && *rests;
}

// While records come the reader polls several times a second; waking it for each would cost more
// than all the rest (an IPI, ~3 us). Only a ring that is a quarter full wakes it early, and so does
// each further quarter: by the few records that begin it, since several CPUs may step over one at
// once. A reader that rests is woken until it says that it does not; one that was killed while it
// rested, by each record of the first quarter.
#define WAKE_BAND_BYTES 1024u
static __always_inline void event_submit(void* ring, __u32 ring_bytes, void* record) {
    __u64 waiting_bytes = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
    __u64 quarter_bytes = ring_bytes / 4;
    int wakes = waiting_bytes < quarter_bytes
                    ? reader_rests()
                    : (waiting_bytes & (quarter_bytes - 1)) < WAKE_BAND_BYTES;
    bpf_ringbuf_submit(record, wakes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
