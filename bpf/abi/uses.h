// SPDX-License-Identifier: GPL-2.0-only
// What the ledger is made of: who tried which port, and how far he came.
#pragma once

#include "maps.h"

// recent_uses: key struct verdict_key, the verdict `allow` included.
struct use_state {
    __u64 first_boot_ns;
    __u64 last_boot_ns;
    __u64 packets;                // noted; under load a sample, see use_gates
    struct ip_bytes destination;  // of the packet that made the entry
    __u32 ifindex;                // where that one came in
    __u32 syns;                   // TCP: packets with SYN
    __u32 acks;  // TCP: packets with ACK and without SYN and RST, what only a peer that got our
                 // answer has reason to send
    __u32 reserved;
};
ABI_SIZE(struct use_state, 56);

// use_gates: how many packets of one jiffy are noted, SYNs and others apart; a busy server, or one
// under a flood, pays for no more than these.
#define USE_SYNS_A_JIFFY 16u
#define USE_OTHERS_A_JIFFY 8u
struct use_gate {
    __u64 jiffy;
    __u32 syns_left;
    __u32 others_left;
};
ABI_SIZE(struct use_gate, 16);
