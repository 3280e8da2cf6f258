// SPDX-License-Identifier: Apache-2.0
// Owned ports in the kernel: which they are, who sits there, and what was proven. The kernel ends a
// proof by itself (bpf/owners.bpf.c); this class only ever proves one state of a slot.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "abi/owners.h"
#include "base/result.hpp"
#include "kernel/map_access.hpp"

namespace portlid::kernel {

// Descriptors of a Sensor's maps, which must outlive it.
class OwnerPorts {
public:
    struct Slot {
        port_slot state{};
        std::vector<std::uint64_t> cookies;  // everybody who sits there
    };
    using Slots = std::map<port_slot_key, Slot, LessBytes>;

    OwnerPorts(int owned, int sockets, int slots, int proofs, int claim)
        : owned_(owned), sockets_(sockets), slots_(slots), proofs_(proofs), claim_(claim) {}

    // `words`: OWNED_WORDS of them.
    [[nodiscard]] Result<> set_owned(const std::vector<std::uint64_t>& words);
    // State first, sockets second: a socket that comes in between changes the state's number.
    [[nodiscard]] Slots slots() const;
    // A socket that no hook saw come; PORT_CLAIM_NO_SOCKET | n for a publication without one.
    [[nodiscard]] Result<> take(std::uint64_t cookie, const port_slot_key& slot);
    [[nodiscard]] Result<> release(std::uint64_t cookie);

    // The owner holds the slot in the state that has this number.
    [[nodiscard]] Result<> prove(std::uint64_t owner, const port_slot_key& slot,
                                 std::uint64_t arrivals);
    void disprove(std::uint64_t owner, const port_slot_key& slot);
    [[nodiscard]] std::map<port_proof_key, std::uint64_t, LessBytes> proofs() const;
    // Removes empty slots, and proofs of states that are no more.
    void prune();

private:
    [[nodiscard]] Result<> claim(const port_claim& claim);
    int owned_, sockets_, slots_, proofs_, claim_;
};

}  // namespace portlid::kernel
