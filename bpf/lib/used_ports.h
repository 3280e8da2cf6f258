// SPDX-License-Identifier: GPL-2.0-only
// Which local ports any flow of ours was ever written for: a bit a port in front of the flow
// tables. A scan of ports that nobody here speaks from then costs no look-up among the flows.
#pragma once

#include "lib/maps.h"

static __always_inline __u64* used_port_word(__u8 protocol, __u16 port_host) {
    __u32 index = (protocol == IPPROTO_UDP ? USED_PORT_WORDS / 2 : 0) + (port_host >> 6);
    return bpf_map_lookup_elem(&used_ports, &index);
}

static __always_inline int has_ports(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// Before the flow itself is written, so that an answer never finds the flow without the bit.
static __always_inline void use_port(__u8 protocol, __u16 port_host) {
    const __u64 bit = 1ull << (port_host & 63);
    __u64* word;
    if (!has_ports(protocol)) return;
    word = used_port_word(protocol, port_host);
    if (word && !(*word & bit)) __sync_fetch_and_or(word, bit);
}

// 1 for every protocol without ports.
static __always_inline int port_is_used(__u8 protocol, __u16 port_host) {
    const __u64* word;
    if (!has_ports(protocol)) return 1;
    word = used_port_word(protocol, port_host);
    return !word || (*word >> (port_host & 63) & 1);
}
