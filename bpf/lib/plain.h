// SPDX-License-Identifier: GPL-2.0-only
// The short way for plain frames, which nearly all are: TCP or UDP to an address of ours, on IPv4
// without options or IPv6 without extension headers, untagged, whole, unfragmented, and decided by
// the port alone. Its facts stay in registers and it asks no table that cannot matter.
//
// It decides nothing of its own: the rows are those of lib/pipeline.h, in their order, and whatever
// is not plain (or looks wrong) is left to judge(), which gives the same answer for all frames.
// tests/bpf holds both against each other.
#pragma once

#include "lib/pipeline.h"

// Bytes before the network header, and of the two network headers.
#define PLAIN_LINK 14u
#define PLAIN_IPV4 20u
#define PLAIN_IPV6 40u

// As they lie on the wire; the compiler must not take words for bytes.
static __always_inline __u16 wire_16(const __u8* at) {
    __u16 value;
    __builtin_memcpy(&value, on_boundary(at, 2), 2);
    return value;
}
static __always_inline __u32 wire_32(const __u8* at) {
    __u32 value;
    __builtin_memcpy(&value, on_boundary(at, 4), 4);
    return value;
}
static __always_inline __u64 wire_64(const __u8* at) {
    __u64 value;
    __builtin_memcpy(&value, on_boundary(at, 8), 8);
    return value;
}

// The ports, and whether the length that the header claims fits into the `room` bytes that the
// packet has left.
static __always_inline void read_plain_ports(const __u8* at, struct packet_facts* facts) {
    facts->source_port_host = __builtin_bswap16(wire_16(at));
    facts->destination_port_host = __builtin_bswap16(wire_16(at + 2));
}
static __always_inline int read_plain_tcp(const __u8* at, __u32 room, struct packet_facts* facts) {
    const __u32 claimed_bytes = (__u32)(at[12] >> 4) * 4u;
    read_plain_ports(at, facts);
    facts->tcp_flags = at[13];
    return claimed_bytes >= 20 && claimed_bytes <= room;
}
static __always_inline int read_plain_udp(const __u8* at, __u32 room, struct packet_facts* facts) {
    const __u32 claimed_bytes = __builtin_bswap16(wire_16(at + 4));
    read_plain_ports(at, facts);
    return claimed_bytes >= 8 && claimed_bytes <= room;
}

// `at`: the frame, long enough for all that is read here. The bytes behind the header, or 0: not
// plain, or wrong (then `room` is 0 too).
static __always_inline __u32 read_plain_ipv4(const __u8* at, __u32 length_bytes,
                                             struct packet_facts* facts) {
    const __u8* header = at + PLAIN_LINK;
    const __u32 total_bytes = __builtin_bswap16(wire_16(header + 2));
    __u64 halves[2] = {0, 0xffff0000u};
    if (header[0] != 0x45 || wire_16(header + 6) & __builtin_bswap16(0x3fff)) return 0;
    if (total_bytes > length_bytes - PLAIN_LINK || total_bytes < PLAIN_IPV4) return 0;
    facts->family = 4;
    facts->protocol = header[9];
    halves[1] |= (__u64)wire_32(header + 12) << 32;
    store_halves(&facts->source, halves);
    halves[1] = 0xffff0000u | (__u64)wire_32(header + 16) << 32;
    store_halves(&facts->destination, halves);
    return total_bytes - PLAIN_IPV4;
}

static __always_inline __u32 read_plain_ipv6(const __u8* at, __u32 length_bytes,
                                             struct packet_facts* facts) {
    const __u8* header = at + PLAIN_LINK;
    const __u32 payload_bytes = __builtin_bswap16(wire_16(header + 4));
    __u64 halves[2];
    if (header[0] >> 4 != 6 || payload_bytes + PLAIN_IPV6 > length_bytes - PLAIN_LINK) return 0;
    facts->family = 6;
    facts->protocol = header[6];
    halves[0] = wire_64(header + 8);
    halves[1] = wire_64(header + 16);
    store_halves(&facts->source, halves);
    halves[0] = wire_64(header + 24);
    halves[1] = wire_64(header + 32);
    store_halves(&facts->destination, halves);
    return payload_bytes;
}

static __always_inline int may_be_grandfathered(const struct frame* frame,
                                                const struct packet_facts* facts) {
    return facts->protocol == PROTOCOL_TCP && !(facts->tcp_flags & TCP_SYN) &&
           existing_flows_known(frame);
}

// A decision in one word: what it says beyond its rule and reason. Neither a failsafe nor a
// condition may be in it, so that all that is left is whether it passes and whether it enforces.
#define OUTCOME_SHIFT 24
#define OUTCOME(allow, enforce) ((__u64)(allow) | (__u64)(enforce) << 8)
static __always_inline __u64 decision_word(const struct decision* decision) {
    __u64 word;
    ABI_ASSERT(__builtin_offsetof(struct decision, allow) * 8 == OUTCOME_SHIFT, "allow is next");
    ABI_ASSERT(__builtin_offsetof(struct policy_image, decisions) % 8 == 0, "read as words");
    __builtin_memcpy(&word, on_boundary(decision, 8), sizeof(word));
    return word;
}

// Rows 9 and 11 to 14 where nothing but the packet and the policy can matter; 0 = something may.
static __always_inline int decide_plain(const struct frame* frame, const struct policy_image* image,
                                        const struct zone_rules* zone,
                                        const struct decision* decision,
                                        const struct packet_facts* facts,
                                        struct judgement* judged) {
    const __u64 word = decision_word(decision), outcome = word >> OUTCOME_SHIFT;
    const __u16 rule = (__u16)word;
    const __u8 reason = (__u8)(word >> 16);
    if (outcome == OUTCOME(0, 1)) {
        if (!zone->enforce || may_be_grandfathered(frame, facts)) return 0;
        *judged = refuse(reason, rule, 1);
        return 1;
    }
    if (outcome != OUTCOME(1, zone->enforce)) return 0;
    if ((image->head.flags & IMAGE_HAS_DENY) || bans_exist(frame)) return 0;
    *judged = pass(reason, rule);
    return !asks_first(facts, judged);  // what asks first and passes has to be remembered
}

// Addresses that a row above the ports may be about, at one look: loopback, and sources from
// multicast on, the rest of which judge() finds to be nothing special.
static __always_inline int may_be_martian(const struct packet_facts* facts) {
    const __u8 first = (__u8)ipv4_word(&facts->source);
    return first == 127 || first >= 224 || (__u8)ipv4_word(&facts->destination) == 127;
}
static __always_inline int is_plain_martian(const struct frame* frame,
                                            const struct packet_facts* facts) {
    if (facts->family == 6) return is_martian(frame, facts);
    return may_be_martian(facts) || own_address(frame, &facts->source);
}

// After the frame was read: rows 2 to 14.
static __always_inline int judge_plain_flow(const struct frame* frame,
                                            const struct policy_image* image, __u32 zone_index,
                                            const struct packet_facts* facts,
                                            struct judgement* judged) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    const struct decision* decision;
    if (is_essential(facts) || is_plain_martian(frame, facts)) return 0;
    if (!own_address(frame, &facts->destination)) return 0;
    if (is_reply(frame, facts)) {
        *judged = pass(REASON_reply, 0);
        return 1;
    }
    decision =
        port_decision(frame, image, zone_index, facts->protocol, facts->destination_port_host,
                      &facts->source, &facts->destination, facts->family);
    return decide_plain(frame, image, zone, decision, facts, judged);
}

// `offset`: of the transport header, `room` the bytes that the packet has from there on. Either
// protocol has a way of its own, as either family has: what is known then costs nothing.
static __always_inline int judge_plain_transport(const struct frame* frame,
                                                 const struct policy_image* image, __u32 zone_index,
                                                 __u32 offset, __u32 room,
                                                 struct packet_facts* facts,
                                                 struct judgement* judged) {
    const __u8* at;
    if (facts->protocol == PROTOCOL_TCP) {
        at = frame_bytes(frame, offset, 20);
        return at && read_plain_tcp(at, room, facts) &&
               judge_plain_flow(frame, image, zone_index, facts, judged);
    }
    if (facts->protocol != PROTOCOL_UDP) return 0;
    at = frame_bytes(frame, offset, 8);
    return at && read_plain_udp(at, room, facts) &&
           judge_plain_flow(frame, image, zone_index, facts, judged);
}

// 1 = judged, exactly as judge() would have, and nothing of the judgement needs remembering. Fills
// what the rows ask of the facts, no more.
static __always_inline int judge_plain(const struct frame* frame, const struct policy_image* image,
                                       __u32 zone_index, struct packet_facts* facts,
                                       struct judgement* judged) {
    const __u8* at = frame_bytes(frame, 0, PLAIN_LINK + PLAIN_IPV4);
    __u32 room;
    if (frame->layer3 || !at) return 0;
    if (wire_16(at + 12) == __builtin_bswap16(ETHERTYPE_IPV4)) {
        room = read_plain_ipv4(at, frame->length_bytes, facts);
        return judge_plain_transport(frame, image, zone_index, PLAIN_LINK + PLAIN_IPV4, room, facts,
                                     judged);
    }
    at = frame_bytes(frame, 0, PLAIN_LINK + PLAIN_IPV6);
    if (!at || wire_16(at + 12) != __builtin_bswap16(ETHERTYPE_IPV6)) return 0;
    room = read_plain_ipv6(at, frame->length_bytes, facts);
    return judge_plain_transport(frame, image, zone_index, PLAIN_LINK + PLAIN_IPV6, room, facts,
                                 judged);
}
