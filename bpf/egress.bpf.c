// SPDX-License-Identifier: GPL-2.0-only
// What leaves through an uplink, after SNAT: keeps the flow table that makes replies replies.
//
//   tc   egress_tc   sees every outgoing frame; decides nothing, always passes
#include "lib/flow.h"

SEC("tc")
int egress_tc(struct __sk_buff* skb) {
    struct frame frame = frame_of(skb);
    const struct policy_image* image;
    struct interface_config* interface;
    struct packet_facts* facts = fresh_facts(SCRATCH_EGRESS);
    struct zone_choice choice = {};
    __u32 slot = 0;
    interface = find_interface(skb->ifindex, &slot);
    if (!interface || !facts) return TCX_NEXT;
    frame.layer3 = interface->layer3;
    if (parse_frame(&frame, facts) || facts->fragment == FRAGMENT_LATER) return TCX_NEXT;
    image = active_image();
    if (image) choose_zone(image, interface, slot, &choice);
    // A frame that came in somewhere was not made here: a container's, a VM's.
    track_egress(&frame, image, choice.zone, facts, skb->ingress_ifindex != 0);
    return TCX_NEXT;
}

char LICENSE[] SEC("license") = "GPL";
