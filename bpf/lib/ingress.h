// SPDX-License-Identifier: GPL-2.0-only
// What both ingress programs do with a frame once they have wrapped their context.
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
// be made of takes the long one.
static __always_inline int ingress_plain(const struct frame* frame,
                                         const struct policy_image* image,
                                         const struct zone_choice* choice, __u32 slot,
                                         __u8* verdict) {
    struct packet_facts facts = {};
    struct judgement judged = {};
    struct counter* counter;
    if (choice->force_monitor) return 0;
    if (!judge_plain(frame, image, choice->zone, &facts, &judged)) return 0;
    counter = counter_of(slot, &judged);
    if (!counter || !is_quiet(counter, has_syn(&facts), judged.verdict == VERDICT_drop)) return 0;
    count_packet(counter, frame->length_bytes);
    *verdict = judged.verdict;
    return 1;
}

// Forgets what was proved of the packet's length: the verifier would walk the long way once for
// every place at which the short one was left.
static __always_inline void begin_again(struct frame* frame) {
    frame->data = (void*)(long)*(volatile __u32*)&frame->context->data;
    frame->data_end = (void*)(long)*(volatile __u32*)&frame->context->data_end;
}

// VERDICT_drop when the frame must go; everything else passes.
static __always_inline int ingress(struct frame* frame, __u32 ifindex) {
    const struct judgement unjudged = {0, REASON_no_policy, VERDICT_allow, 0};
    const struct policy_image* image;
    struct interface_config* interface;
    struct packet_facts* facts;
    struct zone_choice choice;
    __u32 slot = 0;
    __u8 verdict;
    interface = find_interface(ifindex, &slot);
    if (!interface) return VERDICT_allow;
    frame->layer3 = interface->layer3;
    image = active_image();
    if (!image) {
        struct counter* counter = counter_of(slot, &unjudged);
        if (counter) count_packet(counter, frame->length_bytes);
        return VERDICT_allow;
    }
    choose_zone(image, interface, slot, &choice);
    if (ingress_plain(frame, image, &choice, slot, &verdict)) return verdict;
    begin_again(frame);
    frame->own_mac = station_address(interface);
    facts = fresh_facts(PACKET_HOOK == HOOK_xdp ? SCRATCH_XDP : SCRATCH_TC);
    if (!facts) return VERDICT_allow;
    return judge_in_zone(frame, image, &choice, slot, ifindex, facts);
}
