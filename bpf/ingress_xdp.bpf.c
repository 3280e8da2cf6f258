// SPDX-License-Identifier: GPL-2.0-only
// Every frame that an uplink receives, before Docker's DNAT and before an skb exists.
//
//   xdp   ingress_xdp   native or generic; sees the raw frame; passes or drops
#define PORTLID_XDP
#include "lib/ingress.h"

SEC("xdp.frags")
int ingress_xdp(struct xdp_md* context) {
    return ingress(context) == VERDICT_drop ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
