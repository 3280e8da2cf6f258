// SPDX-License-Identifier: GPL-2.0-only
// What both ingress programs do with a frame.
//
// Fails open in one way only: no interface entry or no policy image means that nothing was ever
// put in force here, and the packet passes, counted under reason no_policy.
#pragma once

#include "lib/flow.h"
#include "lib/plain.h"
#include "lib/report.h"
#include "lib/use.h"

// Low 48 bits, as on the wire. The six bytes end two aligned words of the entry.
static __always_inline __u64 station_address(const struct interface_config* interface) {
    __u32 words[2];
    ABI_ASSERT(__builtin_offsetof(struct interface_config, mac) == 6, "mac ends the second word");
    __builtin_memcpy(words, __builtin_assume_aligned(&interface->zone, 4), sizeof(words));
    return words[0] >> 16 | (__u64)words[1] << 16;
}

// Judges, counts and reports; VERDICT_drop when the frame must go.
static __always_inline int judge_in_zone(const struct frame* frame,
                                         const struct policy_image* image,
                                         const struct zone_choice* choice, __u32 slot,
                                         __u32 ifindex, struct packet_facts* facts) {
    struct judgement judged = judge(frame, image, choice->zone, facts);
    struct counter* counter;
    if (choice->force_monitor && judged.verdict == VERDICT_drop)
        judged.verdict = VERDICT_would_drop;
    counter = counter_of(slot, &judged);
    if (counter) {
        count_packet(counter, facts->length_bytes);
        if (judged.verdict != VERDICT_allow)
            report(counter, facts, &judged, image, ifindex, choice->zone);
    }
    note_use(facts, &judged, ifindex, choice->zone);
    if (counter) become_quiet(counter, facts, &judged);
    if (judged.verdict == VERDICT_drop) return VERDICT_drop;
    if (judged.mark) mark_asked_first(frame, facts);
    return VERDICT_allow;
}

// 1 = judged and counted on the short way (lib/plain.h). What an event or a note of the ledger may
// be made of takes the long one, and so does what needs a second look for its interface or policy.
static __always_inline int ingress_plain(packet_context* context, __u32 ifindex, int* verdict) {
    const struct frame frame = frame_of(context);
    struct packet_facts facts = {};
    struct judgement judged = {};
    const struct policy_image* image;
    struct counter* counter;
    __u32 slot = ifindex % INTERFACE_SLOTS, zone;
    const struct interface_config* interface = bpf_map_lookup_elem(&interfaces, &slot);
    if (!interface || interface->ifindex != ifindex || interface->layer3) return 0;
    image = image_in(POLICY_SLOT_ACTIVE);
    if (!image || !is_in_force(image)) return 0;
    zone = zone_entry(image, interface, slot) - IMAGE_ZONE(0, 0);
    if (zone >= MAX_ZONES) return 0;  // nothing is dropped here
    if (!judge_plain(&frame, image, zone, &facts, &judged)) return 0;
    counter = counter_of(slot, &judged);
    if (!counter || !is_quiet(counter, has_syn(&facts), judged.verdict == VERDICT_drop)) return 0;
    count_packet(counter, frame.length_bytes);
    *verdict = judged.verdict;
    return 1;
}

static __always_inline int ingress_in_full(packet_context* context, __u32 ifindex) {
    const struct judgement unjudged = {0, REASON_no_policy, VERDICT_allow, 0};
    struct frame frame = frame_of(context);
    const struct policy_image* image;
    struct interface_config* interface;
    struct packet_facts* facts;
    struct zone_choice choice;
    __u32 slot = 0;
    interface = find_interface(ifindex, &slot);
    if (!interface) return VERDICT_allow;
    frame.layer3 = interface->layer3;
    image = active_image();
    if (!image) {
        struct counter* counter = counter_of(slot, &unjudged);
        if (counter) count_packet(counter, frame.length_bytes);
        return VERDICT_allow;
    }
    choose_zone(image, interface, slot, &choice);
    frame.own_mac = station_address(interface);
    facts = fresh_facts(PACKET_HOOK == HOOK_xdp ? SCRATCH_XDP : SCRATCH_TC);
    if (!facts) return VERDICT_allow;
    return judge_in_zone(&frame, image, &choice, slot, ifindex, facts);
}

// VERDICT_drop when the frame must go; everything else passes. The long way begins anew: what the
// short one found would have to be kept, for packets that need none of it, in more registers than
// there are; and the verifier would walk the long one once for every place at which the short one
// was left.
static __always_inline int ingress(packet_context* context) {
    int verdict;
    if (ingress_plain(context, ifindex_of(context), &verdict)) return verdict;
    asm volatile("" : "+r"(context));
    return ingress_in_full(context, ifindex_of(context));
}
