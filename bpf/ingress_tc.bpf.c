// SPDX-License-Identifier: GPL-2.0-only
// Every frame that an uplink receives, where XDP cannot be: L3 devices, foreign XDP programs.
//
//   tc   ingress_tc   the same pipeline on an skb, still before netfilter; passes to the next
//                     program, or drops
#include "lib/ingress.h"

SEC("tc")
int ingress_tc(struct __sk_buff* skb) {
    return ingress(skb) == VERDICT_drop ? TC_ACT_SHOT : TCX_NEXT;
}

char LICENSE[] SEC("license") = "GPL";
