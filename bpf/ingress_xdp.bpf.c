// SPDX-License-Identifier: GPL-2.0-only
// Every frame that an uplink receives, before Docker's DNAT and before an skb exists.
//
//   xdp   ingress_xdp   native or generic; sees the raw frame; passes or drops
#define PORTLID_XDP
#include "lib/ingress.h"

SEC("xdp.frags")
int ingress_xdp(struct xdp_md* context) {
    struct frame frame = {
        .data = (void*)(long)context->data,
        .data_end = (void*)(long)context->data_end,
        .context = context,
    };
    frame.length_bytes = (__u32)(frame.data_end - frame.data);
    return ingress(&frame, context->ingress_ifindex) == VERDICT_drop ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
