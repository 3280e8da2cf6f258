// SPDX-License-Identifier: GPL-2.0-only
// The verdict: one function from packet facts to (reason, verdict, rule), in the order of the
// decision table in the README. Compiled for XDP, for tc and natively; there is no other copy.
//
// Cheaper orders are used only where the verdict stays the same: a pure SYN never looks up a flow
// (it cannot be a reply), a source is looked up only where a set could change the outcome.
#pragma once

#ifdef __bpf__
#include "lib/conntrack.h"
#endif
#include "lib/decide.h"
#include "lib/flow_table.h"
#include "lib/quoted.h"

struct judgement {
    __u16 rule;
    __u8 reason;   // enum reason
    __u8 verdict;  // enum verdict_word
    __u8 mark;     // 1 = a stranger asked first here (see lib/flow.h)
};

#define FRAGMENTS_PER_SECOND 2000u
#define ICMP_ERRORS_PER_SECOND 50u

enum destination_kind {
    DESTINATION_OWN,
    DESTINATION_EVERYBODY,  // broadcast, multicast: judged as own, but no failsafe opens it
    DESTINATION_ROUTED,
    DESTINATION_CONTAINER,
    DESTINATION_TRANSIT
};

static __always_inline struct judgement pass(__u8 why, __u16 rule) {
    struct judgement result = {rule, why, VERDICT_allow, 0};
    return result;
}

static __always_inline struct judgement refuse(__u8 why, __u16 rule, int enforce) {
    struct judgement result = {rule, why, enforce ? VERDICT_drop : VERDICT_would_drop, 0};
    return result;
}

static __always_inline int is_multicast(const struct ip_bytes* address, __u8 family) {
    return family == 4 ? (ipv4_word(address) & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

static __always_inline int is_all_ones(const struct ip_bytes* address) {
    return ipv4_word(address) == 0xffffffffu;
}

// The limited broadcast, and 0.0.0.0, its old form (RFC 1122, 3.2.1.3): Linux delivers a datagram
// from 0.0.0.0 to 0.0.0.0 to every socket of the port.
static __always_inline int is_to_everybody(const struct ip_bytes* address) {
    __u32 four = ipv4_word(address);
    return four == 0 || four == 0xffffffffu;
}

// Row 2: 127/8, ::1, and addresses in ::ffff:0:0/96, which mean IPv4 and never travel as IPv6.
static __always_inline int never_on_a_wire(const struct ip_bytes* address, __u8 family) {
    __u64 halves[2];
    if (family == 4) return (ipv4_word(address) & 0xff) == 127;
    load_halves(address, halves);
    if (halves[0]) return 0;
    if ((__u32)halves[1] == 0xffff0000u) return 1;  // bytes 00 00 ff ff, little-endian
    return halves[1] == 1ull << 56;
}

static __always_inline int is_martian(const struct frame* frame, const struct packet_facts* facts) {
    const struct ip_bytes* source = &facts->source;
    if (never_on_a_wire(source, facts->family)) return 1;
    if (never_on_a_wire(&facts->destination, facts->family)) return 1;
    if (is_multicast(source, facts->family)) return 1;
    if (facts->family == 4 && is_all_ones(source)) return 1;
    return own_address(frame, source);
}

// Row 3 without the ICMP errors: neighbour discovery (RFC 4861: hop limit 255), multicast
// listener reports (RFC 2710, 3810: hop limit 1), IGMP, and DHCP servers' answers.
static __always_inline int is_essential(const struct packet_facts* facts) {
    __u8 type = facts->icmp_type;
    if (facts->protocol == PROTOCOL_UDP) {
        if (facts->family == 4)
            return facts->source_port_host == 67 && facts->destination_port_host == 68;
        return facts->source_port_host == 547 && facts->destination_port_host == 546 &&
               facts->source.bytes[0] == 0xfe && (facts->source.bytes[1] & 0xc0) == 0x80;
    }
    if (facts->family == 4) return facts->protocol == PROTOCOL_IGMP;
    if (facts->protocol != PROTOCOL_ICMPV6) return 0;
    if (type >= 133 && type <= 137) return facts->hop_limit == 255;
    return ((type >= 130 && type <= 132) || type == 143) && facts->hop_limit == 1;
}

static __always_inline int is_icmp_error(const struct packet_facts* facts) {
    __u8 type = facts->icmp_type;
    if (!is_icmp(facts)) return 0;
    if (facts->family == 4) return type == 3 || type == 11 || type == 12;
    return type >= 1 && type <= 4;
}

static __always_inline __u64 idle_limit_ns(__u8 protocol) {
    if (protocol == PROTOCOL_TCP) return ~0ull;
    if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) return ECHO_IDLE_NS;
    return FLOW_IDLE_NS;
}

static __always_inline int is_fresh(const struct frame* frame, __u8 protocol, __u64 last) {
    if (protocol == PROTOCOL_TCP) return 1;  // lives until it is displaced: no clock needed
    return tick_time_ns(frame) <= last + idle_limit_ns(protocol);
}

static __always_inline int flow_is_live(const struct frame* frame, const struct flow_key* key) {
    __u64 last = flow_last_egress_ns(frame, key);
    return last && is_fresh(frame, key->protocol, last);
}

// The key of the flow that `facts`, coming in, belongs to.
static __always_inline void ingress_key(const struct packet_facts* facts, struct flow_key* key) {
    move_address(&key->local, &facts->destination);
    move_address(&key->remote, &facts->source);
    key->local_port_host = facts->destination_port_host;
    key->remote_port_host = facts->source_port_host;
    key->protocol = facts->protocol;
}

// SYN without ACK, whatever else is set: it asks, it does not answer.
static __always_inline int is_pure_syn(const struct packet_facts* facts) {
    return facts->protocol == PROTOCOL_TCP && (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

// Row 5. Where our table knows the flow it has the last word: conntrack's entries live on what
// comes in, so a peer could keep his way open for ever.
static __always_inline int is_reply(const struct frame* frame, const struct packet_facts* facts) {
    struct flow_key key;
    __u64 last;
    if (is_pure_syn(facts)) return 0;
    if (is_icmp(facts) && !is_echo(facts, 0)) return 0;
    if (nobody_spoke_from(frame, facts->protocol, facts->destination_port_host)) return 0;
    __builtin_memset(&key, 0, sizeof(key));
    ingress_key(facts, &key);
    last = flow_last_egress_ns(frame, &key);
    if (last) return is_fresh(frame, facts->protocol, last);
    return conntrack_direction(frame, facts, 0) == CONNTRACK_REPLY;
}

static __always_inline enum destination_kind classify_destination(
    const struct frame* frame, const struct packet_facts* facts) {
    __u32 kind;
    if (own_address(frame, &facts->destination)) return DESTINATION_OWN;
    if (is_multicast(&facts->destination, facts->family)) return DESTINATION_EVERYBODY;
    if (facts->family == 4 && is_to_everybody(&facts->destination)) return DESTINATION_EVERYBODY;
    kind = network_kind(frame, &facts->destination);
    if (kind == NETWORK_CONTAINER) return DESTINATION_CONTAINER;
    if (kind == NETWORK_ROUTED) return DESTINATION_ROUTED;
    if (kind == NETWORK_BROADCAST) return DESTINATION_EVERYBODY;
    // An address of the wire's own prefix that we do not know (yet) counts as ours, unless the
    // frame goes to somebody else's station: a VM, a macvlan container.
    if (kind == NETWORK_CONNECTED && !facts->foreign_mac) return DESTINATION_OWN;
    return DESTINATION_TRANSIT;
}

static __always_inline int source_is_denied(const struct frame* frame,
                                            const struct policy_image* image,
                                            const struct packet_facts* facts) {
    __u32 class_id;
    if (!(image->head.flags & IMAGE_HAS_DENY)) return 0;
    class_id = source_class(frame, image, &facts->source, facts->family);
    return (image->source_class_flags[bounded(class_id, MAX_SOURCE_CLASSES)] & SOURCE_DENIED) != 0;
}

// Row 9, where it changes the outcome. Bans are asked first: they cost nothing while there are
// none.
static __always_inline __u8 why_source_is_refused(const struct frame* frame,
                                                  const struct policy_image* image,
                                                  const struct packet_facts* facts) {
    if (source_banned(frame, &facts->source)) return REASON_banned;
    return source_is_denied(frame, image, facts) ? REASON_denied : REASON_no_policy;
}

static __always_inline struct judgement refuse_source(__u8 why, const struct zone_rules* zone) {
    return refuse(why, why == REASON_denied ? zone->deny_rule : 0, zone->enforce);
}

// Row 12: the zone still honours flows that were open when it began to enforce, and this is one.
static __always_inline int flow_is_honoured(const struct frame* frame,
                                            const struct zone_rules* zone,
                                            const struct flow_key* key) {
    __u64 since = zone->enforce_since_ns, seen;
    if (!since || key->protocol != PROTOCOL_TCP) return 0;
    seen = existing_seen_ns(frame, key);
    if (!seen || seen > since) return 0;
    return zone->existing_ns == ~0ull || boot_time_ns(frame) - since < zone->existing_ns;
}

static __always_inline int is_grandfathered(const struct frame* frame,
                                            const struct zone_rules* zone,
                                            const struct packet_facts* facts) {
    struct flow_key key;
    if (facts->protocol != PROTOCOL_TCP || (facts->tcp_flags & TCP_SYN)) return 0;
    __builtin_memset(&key, 0, sizeof(key));
    ingress_key(facts, &key);
    return flow_is_honoured(frame, zone, &key);
}

static __always_inline const struct decision* owner_decides(
    const struct frame* frame, const struct policy_image* image, const struct condition* condition,
    const struct ip_bytes* destination, __u8 protocol, __u16 port_host, int exact_only) {
    struct port_slot_key slot = {.address = *destination, .port_host = port_host};
    slot.protocol = protocol;
    if (owner_holds_port(frame, condition->key, &slot, (__u32)exact_only))
        return decision_at(image, condition->then);
    return decision_at(image, condition->otherwise);
}

// Conditions about owners at the head of a chain, resolved for any packet of the port, SYN or not.
// (Of a failsafe's decision `condition` is something else.)
static __always_inline const struct decision* settle_owners(
    const struct frame* frame, const struct policy_image* image, const struct decision* decision,
    const struct ip_bytes* destination, __u8 protocol, __u16 port_host, int exact_only) {
    if (!decision->condition || decision->failsafe) return decision;
    if (!(image->head.flags & IMAGE_HAS_OWNERS)) return decision;
    for (__u32 i = 0; i < MAX_CHAINED_CONDITIONS; i++) {
        const struct condition* condition =
            &image->conditions[bounded(decision->condition, MAX_CONDITIONS)];
        if (!decision->condition || condition->kind != CONDITION_OWNER) break;
        decision =
            owner_decides(frame, image, condition, destination, protocol, port_host, exact_only);
    }
    return decision;
}

// The error is about a flow of ours, or about an answer of a port that is open to that peer.
static __always_inline int quotes_known_flow(const struct frame* frame,
                                             const struct policy_image* image, __u32 zone_index,
                                             const struct packet_facts* facts) {
    struct flow_key key;
    const struct decision* decision;
    __builtin_memset(&key, 0, sizeof(key));
    if (parse_quoted(frame, facts, &key)) return 0;
    if (flow_is_live(frame, &key)) return 1;
    if (flow_is_honoured(frame, &image->zones[bounded(zone_index, MAX_ZONES)], &key)) return 1;
    if (key.protocol != PROTOCOL_TCP && key.protocol != PROTOCOL_UDP) return 0;
    decision = port_decision(frame, image, zone_index, key.protocol, key.local_port_host,
                             &key.remote, &key.local, facts->family);
    return settle_owners(frame, image, decision, &key.local, key.protocol, key.local_port_host, 0)
        ->allow;
}

static __always_inline struct judgement judge_icmp_error(const struct frame* frame,
                                                         const struct policy_image* image,
                                                         __u32 zone_index,
                                                         const struct packet_facts* facts) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    if (quotes_known_flow(frame, image, zone_index, facts)) return pass(REASON_essential, 0);
    if (budget_take(frame, &facts->source, BUDGET_ICMP_ERROR, ICMP_ERRORS_PER_SECOND))
        return pass(REASON_essential, 0);
    return refuse(REASON_limited, 0, zone->enforce);
}

// A new flow under a decision with conditions: the first of the chain that holds lets it in.
static __always_inline const struct decision* settle(const struct frame* frame,
                                                     const struct policy_image* image,
                                                     const struct packet_facts* facts,
                                                     const struct decision* decision,
                                                     int exact_only) {
    for (__u32 i = 0; i < MAX_CHAINED_CONDITIONS; i++) {
        const struct condition* condition =
            &image->conditions[bounded(decision->condition, MAX_CONDITIONS)];
        if (!decision->condition) return decision;
        if (condition->kind == CONDITION_OWNER)
            decision = owner_decides(frame, image, condition, &facts->destination, facts->protocol,
                                     facts->destination_port_host, exact_only);
        else if (limit_reached(frame, &facts->source, condition))
            decision = decision_at(image, condition->otherwise);
        else
            return decision;
    }
    return decision;
}

// Rows 8, 9 and 11 to 14 for TCP and UDP.
static __always_inline struct judgement judge_port(const struct frame* frame,
                                                   const struct policy_image* image,
                                                   __u32 zone_index,
                                                   const struct packet_facts* facts,
                                                   enum destination_kind kind) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    const struct decision* decision =
        port_decision(frame, image, zone_index, facts->protocol, facts->destination_port_host,
                      &facts->source, &facts->destination, facts->family);
    int honoured;
    __u8 why;
    if (decision->failsafe) {
        if (kind == DESTINATION_OWN) return pass(REASON_failsafe, decision->rule);
        decision = decision_at(image, decision->condition);
    }
    decision = settle_owners(frame, image, decision, &facts->destination, facts->protocol,
                             facts->destination_port_host, kind == DESTINATION_ROUTED);
    honoured = !decision->allow && decision->enforce && is_grandfathered(frame, zone, facts);
    if (decision->allow || honoured || decision->enforce != zone->enforce) {
        why = why_source_is_refused(frame, image, facts);
        if (why) return refuse_source(why, zone);
    }
    if (honoured) return pass(REASON_grandfathered, decision->rule);
    if (decision->condition && is_pure_syn(facts)) {
        decision = settle(frame, image, facts, decision, kind == DESTINATION_ROUTED);
    }
    if (decision->allow) return pass(decision->reason, decision->rule);
    return refuse(decision->reason, decision->rule, decision->enforce);
}

// Rows 9, 10 and 14 for everything without ports.
static __always_inline struct judgement judge_protocol(const struct frame* frame,
                                                       const struct policy_image* image,
                                                       __u32 zone_index,
                                                       const struct packet_facts* facts) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    __u8 why = why_source_is_refused(frame, image, facts);
    if (why) return refuse_source(why, zone);
    if (is_icmp(facts) && is_echo(facts, 1)) {
        if (zone->ping_allow) return pass(REASON_ping, zone->ping_rule);
        return refuse(REASON_ping_denied, zone->ping_rule, zone->enforce);
    }
    if (zone->protocols[facts->protocol >> 6] >> (facts->protocol & 63) & 1)
        return pass(REASON_protocol, zone->protocol_rule);
    return refuse(REASON_protocol_denied, zone->protocol_rule, zone->enforce);
}

// Rows 5 to 14: an IP packet that is well-formed and not essential.
static __always_inline struct judgement rows_5_to_14(const struct frame* frame,
                                                     const struct policy_image* image,
                                                     __u32 zone_index,
                                                     const struct packet_facts* facts) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    enum destination_kind kind = classify_destination(frame, facts);
    if (kind == DESTINATION_TRANSIT && zone->transit_allow)
        return pass(REASON_transit, zone->transit_rule);
    if (is_reply(frame, facts)) return pass(REASON_reply, 0);
    if (kind == DESTINATION_TRANSIT)
        return refuse(REASON_transit, zone->transit_rule, zone->enforce);
    if (kind == DESTINATION_CONTAINER)
        return refuse(REASON_direct_to_container, zone->direct_rule, zone->enforce);
    if (facts->protocol == PROTOCOL_TCP || facts->protocol == PROTOCOL_UDP)
        return judge_port(frame, image, zone_index, facts, kind);
    return judge_protocol(frame, image, zone_index, facts);
}

// An answer to this packet must not become the stranger's pass when a later policy refuses him:
// he got in only because something monitors, or by a zone's default. TCP and ICMP need no mark:
// there the answer itself tells (see lib/flow.h).
static __always_inline int asks_first(const struct packet_facts* facts,
                                      const struct judgement* judged) {
    if (facts->protocol == PROTOCOL_TCP || is_icmp(facts)) return 0;
    return judged->verdict != VERDICT_allow || judged->reason == REASON_zone_default;
}

static __always_inline struct judgement judge_flow(const struct frame* frame,
                                                   const struct policy_image* image,
                                                   __u32 zone_index,
                                                   const struct packet_facts* facts) {
    struct judgement judged = rows_5_to_14(frame, image, zone_index, facts);
    judged.mark = (__u8)asks_first(facts, &judged);
    return judged;
}

// Parses and judges one frame that came in through zone `zone_index`. `facts` must be zeroed and
// is filled for the event.
static __always_inline struct judgement judge(const struct frame* frame,
                                              const struct policy_image* image, __u32 zone_index,
                                              struct packet_facts* facts) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    int status = parse_frame(frame, facts);
    if (status == PARSE_NOT_IP) return pass(REASON_not_ip, 0);
    if (status == PARSE_MALFORMED) return refuse(REASON_malformed, 0, zone->enforce);
    if (is_martian(frame, facts)) return refuse(REASON_martian, 0, zone->enforce);
    if (facts->fragment == FRAGMENT_LATER) {
        if (budget_take(frame, &facts->source, BUDGET_FRAGMENT, FRAGMENTS_PER_SECOND))
            return pass(REASON_fragment, 0);
        return refuse(REASON_fragment_flood, 0, zone->enforce);
    }
    if (is_essential(facts)) return pass(REASON_essential, 0);
    if (is_icmp_error(facts)) return judge_icmp_error(frame, image, zone_index, facts);
    return judge_flow(frame, image, zone_index, facts);
}
