// SPDX-License-Identifier: GPL-2.0-only
// What both ingress programs do with a frame once they have wrapped their context.
//
// Fails open in one way only: no interface entry or no policy image means that nothing was ever
// put in force here, and the packet passes, counted under reason no_policy.
#pragma once

#include "lib/flow.h"
#include "lib/report.h"
#include "lib/use.h"

static __always_inline __u64 station_address(const __u8* mac) {
    __u32 low;
    __u16 high;
    __builtin_memcpy(&low, mac, 4);
    __builtin_memcpy(&high, mac + 4, 2);
    return low | (__u64)high << 32;
}

// Judges, counts and reports; VERDICT_drop when the frame must go.
static __always_inline int judge_in_zone(const struct frame* frame,
                                         const struct policy_image* image,
                                         const struct zone_choice* choice, __u32 slot,
                                         __u32 ifindex, struct packet_facts* facts) {
    struct judgement judged = judge(frame, image, choice->zone, facts);
    if (choice->force_monitor && judged.verdict == VERDICT_drop)
        judged.verdict = VERDICT_would_drop;
    count_verdict(slot, &judged, facts->length_bytes);
    if (judged.verdict != VERDICT_allow) report(facts, &judged, image, ifindex, choice->zone);
    note_use(facts, &judged, ifindex, choice->zone);
    if (judged.verdict == VERDICT_drop) return VERDICT_drop;
    if (judged.mark) mark_asked_first(frame, facts);
    return VERDICT_allow;
}

// VERDICT_drop when the frame must go; everything else passes.
static __always_inline int ingress(struct frame* frame, __u32 ifindex) {
    const struct judgement unjudged = {0, REASON_no_policy, VERDICT_allow, 0};
    const struct policy_image* image;
    struct interface_config* interface;
    struct packet_facts* facts;
    struct zone_choice choice;
    __u32 slot = 0;
    interface = find_interface(ifindex, &slot);
    facts = fresh_facts(PACKET_HOOK == HOOK_xdp ? SCRATCH_XDP : SCRATCH_TC);
    if (!interface || !facts) return VERDICT_allow;
    frame->own_mac = station_address(interface->mac);
    frame->layer3 = interface->layer3;
    image = active_image();
    if (!image) {
        count_verdict(slot, &unjudged, frame->length_bytes);
        return VERDICT_allow;
    }
    choose_zone(image, interface, slot, &choice);
    return judge_in_zone(frame, image, &choice, slot, ifindex, facts);
}
