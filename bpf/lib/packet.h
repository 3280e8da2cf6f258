// SPDX-License-Identifier: GPL-2.0-only
// Frame -> facts. A parser here is a cursor: it reads a header, moves on, or says why not.
// Compiles as BPF, C and C++; bytes come in through frame_read() of the backend (lib/lookup.h),
// so the same code walks an XDP buffer, an skb and a test's array.
//
// Rules: nothing beyond the IP header's own length is believed (RFC 791 total length, RFC 8200
// payload length); a first fragment must hold the whole header chain (RFC 7112) and at least the
// fixed transport header (RFC 1858, RFC 3128).
#pragma once

#include "lib/address.h"
#include "lib/backend.h"
#include "lib/facts.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_8021Q 0x8100
#define ETHERTYPE_8021AD 0x88a8
#define MAX_VLAN_TAGS 2
#define MAX_EXTENSION_HEADERS 8

#define PROTOCOL_ICMP 1
#define PROTOCOL_IGMP 2
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

// Reads a member of the facts anew. The kernel keeps the facts in map memory, whose contents its
// verifier does not track: a reload joins the paths that led here (untagged, tagged, each
// extension header) into one, without which they multiply beyond the verifier's limit.
#define reload(member) (*(volatile __typeof__(member)*)&(member))

static __always_inline __u16 load_be16(const __u8* bytes) {
    return (__u16)(bytes[0] << 8 | bytes[1]);
}

static __always_inline void set_ipv4(struct ip_bytes* to, const __u8* four) {
    __u64 halves[2] = {0, 0xffff0000u};  // bytes 00 00 ff ff, little-endian
    __u32 word;
    __builtin_memcpy(&word, four, 4);
    halves[1] |= (__u64)word << 32;
    store_halves(to, halves);
}

// Reads `size` bytes at `offset` that lie inside the IP packet, or fails.
static __always_inline int read_inside(const struct frame* frame, const struct packet_facts* facts,
                                       __u32 offset, void* to, __u32 size) {
    if (offset + size > reload(facts->end_offset)) return -1;
    return frame_read(frame, offset, to, size);
}

// Ethernet header and at most two VLAN tags; transport_offset moves to the network header.
static __always_inline int parse_link(const struct frame* frame, struct packet_facts* facts,
                                      __u16* ethertype) {
    __u8 header[14] __attribute__((aligned(8)));
    __u64 destination_mac;
    __u32 tags = frame->offloaded_vlan ? 1 : 0;
    if (frame_read(frame, 0, header, sizeof(header))) return PARSE_NOT_IP;
    facts->vlan = frame->offloaded_vlan & 0xfff;
    __builtin_memcpy(&destination_mac, header, 8);
    destination_mac &= 0xffffffffffffull;
    facts->foreign_mac = frame->own_mac && !(header[0] & 1) && destination_mac != frame->own_mac;
    *ethertype = load_be16(header + 12);
    facts->transport_offset = 14;
    for (int i = 0; i <= MAX_VLAN_TAGS; i++) {
        __u8 tag[4] __attribute__((aligned(8)));
        if (*ethertype != ETHERTYPE_8021Q && *ethertype != ETHERTYPE_8021AD) return PARSE_OK;
        if (++tags > MAX_VLAN_TAGS) return PARSE_MALFORMED;
        if (frame_read(frame, reload(facts->transport_offset), tag, sizeof(tag)))
            return PARSE_MALFORMED;
        if (!facts->vlan) facts->vlan = load_be16(tag) & 0xfff;
        *ethertype = load_be16(tag + 2);
        facts->transport_offset += 4;
    }
    return PARSE_OK;
}

// Bytes of the frame from `offset` on, as far as somebody needs to know who wants `needed` of them.
static __always_inline __u32 room_for(const struct frame* frame, struct packet_facts* facts,
                                      __u32 offset, __u32 needed) {
    if (offset + needed > frame->length_bytes) facts->length_bytes = frame_length(frame);
    return reload(facts->length_bytes) - offset;
}

static __always_inline int parse_ipv4(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[20] __attribute__((aligned(8)));
    __u32 offset = reload(facts->transport_offset);
    __u32 header_bytes, total_bytes, fragment_bits, room;
    if (frame_read(frame, offset, header, sizeof(header))) return PARSE_MALFORMED;
    header_bytes = (header[0] & 0x0fu) * 4u;
    total_bytes = load_be16(header + 2);
    room = room_for(frame, facts, offset, total_bytes);
    if (total_bytes == 0 && room > 0xffff) total_bytes = room;  // GRO beyond 64 KiB (BIG TCP)
    if (header[0] >> 4 != 4 || header_bytes < 20 || total_bytes < header_bytes ||
        total_bytes > room)
        return PARSE_MALFORMED;
    set_ipv4(&facts->source, header + 12);
    set_ipv4(&facts->destination, header + 16);
    facts->family = 4;
    facts->protocol = header[9];
    facts->hop_limit = header[8];
    facts->end_offset = offset + total_bytes;
    facts->transport_offset = offset + header_bytes;
    fragment_bits = load_be16(header + 6);
    if (fragment_bits & 0x1fff) {
        // Offset 1 would overwrite the TCP flags on reassembly (RFC 3128).
        if (facts->protocol == PROTOCOL_TCP && (fragment_bits & 0x1fff) == 1)
            return PARSE_MALFORMED;
        facts->fragment = FRAGMENT_LATER;
    } else if (fragment_bits & 0x2000) {
        facts->fragment = FRAGMENT_FIRST;
    }
    return PARSE_OK;
}

static __always_inline int is_extension_header(__u8 protocol) {
    return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 || protocol == 60 ||
           protocol == 135 || protocol == 139 || protocol == 140;
}

// One extension header: sets the next protocol and moves the transport offset past it.
static __always_inline int parse_extension(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[4] __attribute__((aligned(8)));
    __u8 kind = reload(facts->protocol);
    if (read_inside(frame, facts, reload(facts->transport_offset), header, sizeof(header)))
        return PARSE_MALFORMED;
    facts->protocol = header[0];
    if (kind == 44) {
        __u32 fragment_bits = load_be16(header + 2);
        if (fragment_bits & 0xfff8)
            facts->fragment = FRAGMENT_LATER;
        else if (fragment_bits & 1)
            facts->fragment = FRAGMENT_FIRST;
        facts->transport_offset += 8;
    } else if (kind == 51) {
        facts->transport_offset += (header[1] + 2u) * 4u;
    } else {
        facts->transport_offset += (header[1] + 1u) * 8u;
    }
    return facts->transport_offset <= facts->end_offset ? PARSE_OK : PARSE_MALFORMED;
}

static __always_inline int parse_ipv6(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[40] __attribute__((aligned(8)));
    __u32 offset = reload(facts->transport_offset);
    __u32 payload_bytes, room;
    if (frame_read(frame, offset, header, sizeof(header))) return PARSE_MALFORMED;
    payload_bytes = load_be16(header + 4);
    room = room_for(frame, facts, offset, payload_bytes + 40);
    if (payload_bytes == 0 && room > 0xffff) payload_bytes = room - 40;  // jumbo (BIG TCP)
    if (header[0] >> 4 != 6 || payload_bytes + 40 > room) return PARSE_MALFORMED;
    move_address(&facts->source, (const struct ip_bytes*)(header + 8));
    move_address(&facts->destination, (const struct ip_bytes*)(header + 24));
    facts->family = 6;
    facts->protocol = header[6];
    facts->hop_limit = header[7];
    facts->end_offset = offset + 40 + payload_bytes;
    facts->transport_offset = offset + 40;
    for (int i = 0; i <= MAX_EXTENSION_HEADERS; i++) {
        if (reload(facts->fragment) == FRAGMENT_LATER ||
            !is_extension_header(reload(facts->protocol)))
            return PARSE_OK;
        if (i == MAX_EXTENSION_HEADERS || parse_extension(frame, facts)) return PARSE_MALFORMED;
    }
    return PARSE_MALFORMED;
}

static __always_inline int parse_tcp(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[20] __attribute__((aligned(8)));
    __u32 header_bytes;
    if (read_inside(frame, facts, reload(facts->transport_offset), header, sizeof(header)))
        return PARSE_MALFORMED;
    header_bytes = (__u32)(header[12] >> 4) * 4u;
    facts->source_port_host = load_be16(header);
    facts->destination_port_host = load_be16(header + 2);
    facts->tcp_flags = header[13];
    if (header_bytes < 20) return PARSE_MALFORMED;
    if (facts->fragment == FRAGMENT_NONE &&
        facts->transport_offset + header_bytes > facts->end_offset)
        return PARSE_MALFORMED;
    return PARSE_OK;
}

static __always_inline int parse_udp(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[8] __attribute__((aligned(8)));
    __u32 length;
    if (read_inside(frame, facts, reload(facts->transport_offset), header, sizeof(header)))
        return PARSE_MALFORMED;
    facts->source_port_host = load_be16(header);
    facts->destination_port_host = load_be16(header + 2);
    length = load_be16(header + 4);
    if (length == 0 && facts->end_offset - facts->transport_offset > 0xffff) return PARSE_OK;
    if (length < 8) return PARSE_MALFORMED;
    if (facts->fragment == FRAGMENT_NONE && facts->transport_offset + length > facts->end_offset)
        return PARSE_MALFORMED;
    return PARSE_OK;
}

static __always_inline int is_echo(const struct packet_facts* facts, int request) {
    if (facts->family == 4) return facts->icmp_type == (request ? 8 : 0);
    return facts->icmp_type == (request ? 128 : 129);
}

static __always_inline int parse_icmp(const struct frame* frame, struct packet_facts* facts) {
    __u8 header[8] __attribute__((aligned(8)));
    if (read_inside(frame, facts, reload(facts->transport_offset), header, sizeof(header)))
        return PARSE_MALFORMED;
    facts->icmp_type = header[0];
    facts->icmp_code = header[1];
    if (is_echo(facts, 0) || is_echo(facts, 1))
        facts->destination_port_host = load_be16(header + 4);
    return PARSE_OK;
}

static __always_inline int is_icmp(const struct packet_facts* facts) {
    return facts->protocol == (facts->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
}

static __always_inline int parse_transport(const struct frame* frame, struct packet_facts* facts) {
    __u8 protocol = reload(facts->protocol);
    if (reload(facts->fragment) == FRAGMENT_LATER) return PARSE_OK;
    if (protocol == PROTOCOL_TCP) return parse_tcp(frame, facts);
    if (protocol == PROTOCOL_UDP) return parse_udp(frame, facts);
    if (is_icmp(facts)) return parse_icmp(frame, facts);
    return PARSE_OK;
}

static __always_inline int parse_network(const struct frame* frame, struct packet_facts* facts,
                                         __u16 ethertype) {
    if (ethertype == ETHERTYPE_IPV4) return parse_ipv4(frame, facts);
    if (ethertype == ETHERTYPE_IPV6) return parse_ipv6(frame, facts);
    return PARSE_NOT_IP;
}

// The whole frame. `facts` must be zeroed; what is filled on PARSE_MALFORMED is what was read.
static __always_inline int parse_frame(const struct frame* frame, struct packet_facts* facts) {
    __u16 ethertype = 0;
    __u8 first;
    int status;
    facts->length_bytes = frame->length_bytes;
    if (frame->layer3) {
        if (frame_read(frame, 0, &first, 1)) return PARSE_MALFORMED;
        ethertype = first >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    } else {
        status = parse_link(frame, facts, &ethertype);
        if (status) return status;
    }
    status = parse_network(frame, facts, ethertype);
    return status ? status : parse_transport(frame, facts);
}
