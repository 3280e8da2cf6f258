// SPDX-License-Identifier: GPL-2.0-only
// The packet that an ICMP error quotes (RFC 792, RFC 4443): as we sent it, so its source is ours.
#pragma once

#include "abi/maps.h"
#include "lib/packet.h"

static __always_inline int quoted_ports(const struct frame* frame, const struct packet_facts* facts,
                                        __u32 offset, struct flow_key* key) {
    __u8 ports[4] __attribute__((aligned(8)));
    if (key->protocol != PROTOCOL_TCP && key->protocol != PROTOCOL_UDP) return 0;
    if (read_inside(frame, facts, offset, ports, sizeof(ports))) return -1;
    key->local_port_host = load_be16(ports);
    key->remote_port_host = load_be16(ports + 2);
    return 0;
}

static __always_inline int quoted_echo(const struct frame* frame, const struct packet_facts* facts,
                                       __u32 offset, struct flow_key* key) {
    __u8 echo[8] __attribute__((aligned(8)));
    if (key->protocol != PROTOCOL_ICMP && key->protocol != PROTOCOL_ICMPV6) return 0;
    if (read_inside(frame, facts, offset, echo, sizeof(echo))) return -1;
    key->local_port_host = load_be16(echo + 4);
    return 0;
}

static __always_inline int quoted_ipv4(const struct frame* frame, const struct packet_facts* facts,
                                       __u32* offset, struct flow_key* key) {
    __u8 header[20] __attribute__((aligned(8)));
    if (read_inside(frame, facts, *offset, header, sizeof(header))) return -1;
    if (header[0] >> 4 != 4 || (header[0] & 0x0f) < 5) return -1;
    if (load_be16(header + 6) & 0x1fff) return -1;
    set_ipv4(&key->local, header + 12);
    set_ipv4(&key->remote, header + 16);
    key->protocol = header[9];
    *offset += (header[0] & 0x0fu) * 4u;
    return 0;
}

static __always_inline int quoted_ipv6(const struct frame* frame, const struct packet_facts* facts,
                                       __u32* offset, struct flow_key* key) {
    __u8 header[40] __attribute__((aligned(8)));
    if (read_inside(frame, facts, *offset, header, sizeof(header))) return -1;
    if (header[0] >> 4 != 6) return -1;
    __builtin_memcpy(key->local.bytes, header + 8, 16);
    __builtin_memcpy(key->remote.bytes, header + 24, 16);
    key->protocol = header[6];
    *offset += 40;
    return 0;
}

// Fills `key` (zeroed by the caller) with the flow that the error talks about; 0 on success. A
// quote that is cut short, is a later fragment or hides behind extension headers fails: it is
// then only a matter of the budget.
static __always_inline int parse_quoted(const struct frame* frame, const struct packet_facts* facts,
                                        struct flow_key* key) {
    __u32 offset = facts->transport_offset + 8;
    int failed = facts->family == 4 ? quoted_ipv4(frame, facts, &offset, key)
                                    : quoted_ipv6(frame, facts, &offset, key);
    if (failed) return -1;
    return quoted_ports(frame, facts, offset, key) || quoted_echo(frame, facts, offset, key);
}
