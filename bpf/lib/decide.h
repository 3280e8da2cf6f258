// SPDX-License-Identifier: GPL-2.0-only
// What the policy itself says of a new flow to a port (rows 8, 11, 13 and 14), precomputed by the
// compiler: port -> rule set -> cell -> decision. Port first: a closed port is two loads, whatever
// the number of services, sets and prefixes.
#pragma once

#include "lib/address.h"
#include "lib/hash.h"
#include "lib/packet.h"
#include "lib/source.h"

static __always_inline __u32 destination_class(const struct policy_image* image,
                                               const struct ip_bytes* address) {
    __u32 hash = hash_address(address);
    for (__u32 probe = 0; probe < DESTINATION_PROBES; probe++) {
        const struct destination_slot* slot =
            &image->destinations[bounded(hash + probe, DESTINATION_SLOTS)];
        if (!slot->class_id) return 0;
        if (same_address(&slot->address, address)) return slot->class_id;
    }
    return 0;
}

static __always_inline const struct decision* decision_at(const struct policy_image* image,
                                                          __u32 index) {
    return &image->decisions[bounded(index, MAX_DECISIONS)];
}

static __always_inline const struct decision* zone_decision(const struct policy_image* image,
                                                            const struct zone_rules* zone) {
    return decision_at(image, zone->default_decision);
}

// `source` and `destination` are the flow's ends as the packet carries them; `port_host` the
// destination port of a TCP or UDP packet.
static __always_inline const struct decision* port_decision(
    const struct frame* frame, const struct policy_image* image, __u32 zone_index, __u8 protocol,
    __u16 port_host, const struct ip_bytes* source, const struct ip_bytes* destination,
    __u8 family) {
    const struct zone_rules* zone = &image->zones[bounded(zone_index, MAX_ZONES)];
    __u32 set_index = image->ports[bounded(zone_index, MAX_ZONES)][protocol == PROTOCOL_UDP]
                                  [bounded(port_host, PORTS)];
    const struct rule_set* set;
    __u32 cell;
    if (!set_index) return zone_decision(image, zone);
    set = &image->rule_sets[bounded(set_index, MAX_RULE_SETS)];
    cell = set->first_cell;
    if (set->destination_span > 1) cell += destination_class(image, destination) * set->source_span;
    if (set->source_span > 1) cell += source_class(frame, image, source, family);
    return decision_at(image, image->cells[bounded(cell, MAX_CELLS)]);
}
