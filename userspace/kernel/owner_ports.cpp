// SPDX-License-Identifier: Apache-2.0
#include "kernel/owner_ports.hpp"

#include "kernel/syscall_program.hpp"

namespace portlid::kernel {

namespace {
constexpr std::size_t kRoom = 65536;  // bounds the walks, above what the maps hold
}  // namespace

Result<> OwnerPorts::set_owned(const std::vector<std::uint64_t>& words) {
    std::vector<std::uint32_t> keys(OWNED_WORDS);
    std::vector<std::uint64_t> now(OWNED_WORDS);
    std::uint32_t next = 0, count = OWNED_WORDS;
    // Read in one call: mostly nothing differs. ENOENT says that the end was reached.
    const int error =
        bpf_map_lookup_batch(owned_, nullptr, &next, keys.data(), now.data(), &count, nullptr);
    if ((error != 0 && error != -ENOENT) || count != OWNED_WORDS)
        return fail_errno("cannot read which ports are owned", error != 0 ? -error : EIO);
    for (std::uint32_t i = 0; i < OWNED_WORDS; ++i) {
        const auto key = keys[i];
        if (now[i] == words[key]) continue;
        if (const int failed = bpf_map_update_elem(owned_, &key, &words[key], BPF_ANY); failed != 0)
            return fail_errno("cannot write which ports are owned", -failed);
    }
    return {};
}

OwnerPorts::Slots OwnerPorts::slots() const {
    Slots slots;
    for (const auto& key : map_keys<port_slot_key>(slots_, kRoom)) {
        Slot slot;
        if (bpf_map_lookup_elem(slots_, &key, &slot.state) == 0) slots.emplace(key, slot);
    }
    for (const auto cookie : map_keys<std::uint64_t>(sockets_, kRoom)) {
        port_slot_key key{};
        if (bpf_map_lookup_elem(sockets_, &cookie, &key) == 0)
            if (const auto found = slots.find(key); found != slots.end())
                found->second.cookies.push_back(cookie);
    }
    return slots;
}

Result<> OwnerPorts::claim(const port_claim& wanted) {
    const auto full = run_syscall_program(claim_, wanted, "cannot write who sits on an owned port");
    if (!full) return pass_on(full.error());
    if (*full != 0) return fail("the table of owned ports is full");
    return {};
}

Result<> OwnerPorts::take(std::uint64_t cookie, const port_slot_key& slot) {
    return claim({cookie, slot, PORT_CLAIM_TAKE});
}

Result<> OwnerPorts::release(std::uint64_t cookie) {
    return claim({cookie, {}, PORT_CLAIM_RELEASE});
}

Result<> OwnerPorts::prove(std::uint64_t owner, const port_slot_key& slot, std::uint64_t arrivals) {
    const port_proof_key key{owner, slot, 0};
    if (const int error = bpf_map_update_elem(proofs_, &key, &arrivals, BPF_ANY); error != 0)
        return fail_errno("cannot write who owns a port", -error);
    return {};
}

void OwnerPorts::disprove(std::uint64_t owner, const port_slot_key& slot) {
    const port_proof_key key{owner, slot, 0};
    bpf_map_delete_elem(proofs_, &key);
}

std::map<port_proof_key, std::uint64_t, LessBytes> OwnerPorts::proofs() const {
    std::map<port_proof_key, std::uint64_t, LessBytes> proofs;
    for (const auto& key : map_keys<port_proof_key>(proofs_, kRoom)) {
        std::uint64_t arrivals = 0;
        if (bpf_map_lookup_elem(proofs_, &key, &arrivals) == 0) proofs.emplace(key, arrivals);
    }
    return proofs;
}

// The proof goes before its slot: a number that comes back finds none.
void OwnerPorts::prune() {
    const auto known = slots();
    for (const auto& [key, arrivals] : proofs()) {
        const auto slot = known.find(key.slot);
        if (slot == known.end() || slot->second.state.arrivals != arrivals ||
            slot->second.state.sockets == 0)
            bpf_map_delete_elem(proofs_, &key);
    }
    for (const auto& [key, slot] : known)
        if (slot.state.sockets == 0 && slot.cookies.empty()) bpf_map_delete_elem(slots_, &key);
}

}  // namespace portlid::kernel
