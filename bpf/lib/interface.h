// SPDX-License-Identifier: GPL-2.0-only
// What is known of the interface a packet came through, and which policy is in force.
#pragma once

#include "lib/pipeline.h"

// The slot of `ifindex`; NULL when userspace knows no such interface (then nothing is judged).
static __always_inline struct interface_config* find_interface(__u32 ifindex, __u32* slot) {
    for (__u32 probe = 0; probe < INTERFACE_PROBES; probe++) {
        __u32 index = (ifindex + probe) % INTERFACE_SLOTS;
        struct interface_config* found = bpf_map_lookup_elem(&interfaces, &index);
        if (found && found->ifindex == ifindex) {
            *slot = index;
            return found;
        }
    }
    count_health(HEALTH_unknown_interface);
    return 0;
}

// Zeroed facts in this CPU's scratch entry (see reload() in lib/packet.h for why not the stack).
static __always_inline struct packet_facts* fresh_facts(__u32 which) {
    struct packet_facts* facts = bpf_map_lookup_elem(&packet_scratch, &which);
    if (facts) __builtin_memset(facts, 0, sizeof(*facts));
    return facts;
}

static __always_inline const struct policy_image* image_in(__u32 slot) {
    __u32 zero = 0;
    void* inner = bpf_map_lookup_elem(&policy_slots, &slot);
    if (!inner) return 0;
    return bpf_map_lookup_elem(inner, &zero);
}

// Published, and not past its deadline.
static __always_inline int is_in_force(const struct policy_image* image) {
    if (!image->head.generation) return 0;
    return !image->head.deadline_boot_ns || bpf_ktime_get_boot_ns() <= image->head.deadline_boot_ns;
}

// The image that decides now: the first whose deadline has not passed. One that was not confirmed
// in time, or whose opening has ended, gives way to the next whether or not a daemon is alive to
// notice; without a next one, nothing is judged.
static __always_inline const struct policy_image* active_image(void) {
    for (__u32 slot = POLICY_SLOT_ACTIVE; slot < POLICY_SLOTS; slot++) {
        const struct policy_image* image = image_in(slot);
        if (!image || !image->head.generation) return 0;
        if (is_in_force(image)) return image;
    }
    return 0;
}

// The zone of an interface under `image`, and whether nothing may be dropped there.
struct zone_choice {
    __u8 zone;
    __u8 force_monitor;
};

static __always_inline __u8 zone_entry(const struct policy_image* image,
                                       const struct interface_config* interface, __u32 slot) {
    __u8 entry = image->interface_zones[slot & (INTERFACE_SLOTS - 1)];
    return entry ? entry : IMAGE_ZONE(interface->zone, interface->force_monitor);
}

static __always_inline void choose_zone(const struct policy_image* image,
                                        const struct interface_config* interface, __u32 slot,
                                        struct zone_choice* choice) {
    __u8 entry = zone_entry(image, interface, slot);
    choice->zone = (__u8)IMAGE_ZONE_INDEX(entry);
    choice->force_monitor = IMAGE_ZONE_MONITORS(entry);
}
