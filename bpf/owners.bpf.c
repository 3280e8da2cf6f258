// SPDX-License-Identifier: GPL-2.0-only
// Ports that belong to somebody: is the one who holds it now the one who may?
//
//   function  owner_holds   called by ingress for a port whose rule names an owner
//   syscall   port_claim    context: struct port_claim; userspace's way to add a socket that no
//   hook
//                           saw come. 0 = done
//
// Userspace proves (who is this?), the kernel takes back: a proof stands for one state of a slot,
// and any arrival or the last departure ends that state, with or without a daemon.
//
// owned_ports   key OWNED_WORD, value 64 bits. Writer: userspace, with a policy. Readers: bind and
//               listen hooks. Never full (an array).
// port_sockets  key u64 cookie, value struct port_slot_key. Writers: sockets.bpf.c, port_claim.
//               16384 sockets on owned ports. Full: health[owner_slots_full]; the slot still counts
//               an arrival, so it closes until userspace has proven it anew.
// port_slots    key struct port_slot_key, value struct port_slot. Writers: as above; userspace
//               removes those that are empty. Readers: ingress, userspace. 16384. Full: health; a
//               socket on an exact address then counts as one of every address.
// port_proofs   key struct port_proof_key, value u64. Writer: userspace. Reader: ingress. 16384.
//               Full: the port stays closed, with an error that says so.
// bind_settings, bind_ports, bind_sets   see abi/owners.h. Writer: userspace. Readers: bind4,
// bind6.
//               Never full (arrays).
// bind_who      key struct bind_who_key, value rules as bits. Writer: userspace. Readers: bind4,
//               bind6. 32768 cgroups, users and programs. Full: who does not fit is refused.
#define PORTLID_DEFINE_OWNER_MAPS
#include "lib/owner_slots.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int slot_state(const void* tables, const struct port_slot_key* key,
                                      __u64 owner) {
    struct port_proof_key proof_key = {.owner = owner, .slot = *key, .reserved = 0};
    struct port_slot* slot = bpf_map_lookup_elem(&port_slots, key);
    __u64* proof;
    (void)tables;
    if (!slot || !slot->sockets) return SLOT_EMPTY;
    proof = bpf_map_lookup_elem(&port_proofs, &proof_key);
    return proof && *proof == slot->arrivals ? SLOT_OWNER : SLOT_OTHER;
}

// A global function: the verifier knows nothing of the question but its size.
__noinline int owner_holds(const struct owner_question* question) {
    struct port_slot_key slot;
    if (!question) return 0;
    slot = question->slot;
    return OWNER_HOLDS_BY(slot_state, 0, question->owner, &slot, question->exact_only);
}

SEC("syscall")
int port_claim(struct port_claim* claim) {
    struct port_slot_key slot = claim->slot;
    __u64 cookie = claim->cookie;
    if (claim->operation == PORT_CLAIM_RELEASE) return release_port(cookie);
    return take_port(cookie, &slot);
}
