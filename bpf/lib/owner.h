// SPDX-License-Identifier: GPL-2.0-only
// Does the owner that a rule asks for hold the port that a packet is for? One algorithm for the
// kernel and natively; who sits where comes in through slot_state().
//
// A packet goes to the sockets of its very address, else to those of every address. So a foreign
// socket on another address closes nothing, one on the same address does, and one on an exact
// address shadows the owner's wildcard there.
#pragma once

#include "abi/owners.h"

#define SLOT_EMPTY 0  // nobody sits there
#define SLOT_OTHER 1  // somebody who is not, or not yet, proven
#define SLOT_OWNER 2  // everybody there is proven to be this owner

struct owner_question {
    __u64 owner;                // condition.key
    struct port_slot_key slot;  // of the packet's own destination, v6only 0
    __u32 exact_only;           // 1 = no socket of every address receives there (routed containers)
};

#ifdef __bpf__
// owners.bpf.c; verified once for all programs. Not 0 = the owner holds it.
int owner_holds(const struct owner_question* question);
#endif

static __always_inline int is_mapped_v4(const struct ip_bytes* address) {
    const __u8* b = address->bytes;
    __u64 high;
    __builtin_memcpy(&high, b, 8);
    return high == 0 && b[8] == 0 && b[9] == 0 && b[10] == 0xff && b[11] == 0xff;
}

// The addresses that sockets of "every address" have.
static __always_inline void any_address(struct ip_bytes* out, int v4) {
    __builtin_memset(out, 0, sizeof(*out));
    if (v4) out->bytes[10] = out->bytes[11] = 0xff;
}

// `tables` is handed to slot_state(tables, key, owner). Changes `slot`.
#define OWNER_HOLDS_BY(slot_state, tables, question_owner, slot, only_exact) \
    ({                                                                       \
        int owner_state = slot_state(tables, slot, question_owner);          \
        if (!owner_state && !(only_exact)) {                                 \
            int owner_v4 = is_mapped_v4(&(slot)->address);                   \
            any_address(&(slot)->address, owner_v4);                         \
            (slot)->v6only = !owner_v4;                                      \
            owner_state = slot_state(tables, slot, question_owner);          \
            any_address(&(slot)->address, 0);                                \
            (slot)->v6only = 0;                                              \
            /* Two kinds of wildcard at once: both must be the owner's. */   \
            if (owner_state != SLOT_OTHER) {                                 \
                int owner_dual = slot_state(tables, slot, question_owner);   \
                if (owner_dual) owner_state = owner_dual;                    \
            }                                                                \
        }                                                                    \
        owner_state == SLOT_OWNER;                                           \
    })
