// SPDX-License-Identifier: GPL-2.0-only
// What the parser learns of one packet. Offsets are in bytes from the start of the frame.
#pragma once

#include "abi/types.h"

enum parse_status { PARSE_OK = 0, PARSE_NOT_IP = 1, PARSE_MALFORMED = 2 };
enum fragment_kind { FRAGMENT_NONE = 0, FRAGMENT_FIRST = 1, FRAGMENT_LATER = 2 };

// Everything the pipeline needs to know of one packet.
struct packet_facts {
    struct ip_bytes source __attribute__((aligned(8)));
    struct ip_bytes destination __attribute__((aligned(8)));
    __u32 length_bytes;           // of the frame
    __u32 transport_offset;       // where the transport header begins
    __u32 end_offset;             // first byte after the IP packet; padding lies beyond
    __u16 source_port_host;       // TCP, UDP; ICMP echo: 0
    __u16 destination_port_host;  // TCP, UDP; ICMP echo: the identifier
    __u16 vlan;                   // outermost VLAN id, 0 = untagged
    __u8 family;                  // 4 or 6
    __u8 protocol;                // after IPv6 extension headers
    __u8 tcp_flags;
    __u8 icmp_type;
    __u8 icmp_code;
    __u8 hop_limit;
    __u8 fragment;     // enum fragment_kind
    __u8 foreign_mac;  // unicast frame to somebody else's link-layer address
};
