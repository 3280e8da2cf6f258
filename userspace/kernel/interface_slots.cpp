// SPDX-License-Identifier: Apache-2.0
#include "kernel/interface_slots.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>

#include "kernel/map_access.hpp"

namespace portlid::kernel {

namespace {

constexpr std::uint32_t kCountersPerSlot = REASON_SLOTS * VERDICT_COUNT;

interface_config entry_of(const InterfaceRequest& request) {
    interface_config entry{};
    entry.ifindex = request.ifindex;
    entry.zone = request.zone;
    entry.force_monitor = request.force_monitor ? 1 : 0;
    entry.layer3 = request.layer3 ? 1 : 0;
    std::copy(request.mac.begin(), request.mac.end(), entry.mac);
    return entry;
}

// The probe sequence holds `wanted` here, or no value.
std::optional<std::uint32_t> probe(int fd, std::uint32_t ifindex, std::uint32_t wanted) {
    for (std::uint32_t step = 0; step < INTERFACE_PROBES; ++step) {
        const std::uint32_t slot = (ifindex + step) % INTERFACE_SLOTS;
        interface_config entry{};
        if (bpf_map_lookup_elem(fd, &slot, &entry) == 0 && entry.ifindex == wanted) return slot;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> InterfaceSlots::find(std::uint32_t ifindex) const {
    if (ifindex == 0) return std::nullopt;
    return probe(interfaces_fd_, ifindex, ifindex);
}

std::optional<std::uint32_t> InterfaceSlots::find_free(std::uint32_t ifindex) const {
    return probe(interfaces_fd_, ifindex, 0);
}

Result<InterfaceSlots::Claim> InterfaceSlots::claim(const InterfaceRequest& request) const {
    auto slot = find(request.ifindex);
    const bool fresh = !slot;
    if (fresh) slot = find_free(request.ifindex);
    if (!slot)
        return fail("the interface table has no room left near ifindex " +
                    std::to_string(request.ifindex));
    if (fresh) {
        if (auto cleared = clear_counters(*slot); !cleared)
            return pass_on(std::move(cleared.error()));
    }
    const auto entry = entry_of(request);
    if (const int error = bpf_map_update_elem(interfaces_fd_, &*slot, &entry, BPF_ANY); error != 0)
        return fail_errno("cannot write the interface table", -error);
    return Claim{*slot, fresh};
}

bool InterfaceSlots::holds(const InterfaceRequest& request) const {
    const auto slot = find(request.ifindex);
    interface_config entry{};
    const auto wanted = entry_of(request);
    return slot && bpf_map_lookup_elem(interfaces_fd_, &*slot, &entry) == 0 &&
           std::memcmp(&entry, &wanted, sizeof(entry)) == 0;
}

void InterfaceSlots::release(std::uint32_t ifindex) const {
    const interface_config nobody{};
    if (const auto slot = find(ifindex)) bpf_map_update_elem(interfaces_fd_, &*slot, &nobody, 0);
}

Result<> InterfaceSlots::clear_counters(std::uint32_t slot) const {
    const std::vector<counter> zeros(possible_cpus());
    for (std::uint32_t i = 0; i < kCountersPerSlot; ++i) {
        const std::uint32_t index = slot * kCountersPerSlot + i;
        if (const int error = bpf_map_update_elem(counters_fd_, &index, zeros.data(), 0);
            error != 0)
            return fail_errno("cannot clear the counters", -error);
    }
    return {};
}

InterfaceCounters InterfaceSlots::counters(std::uint32_t ifindex) const {
    InterfaceCounters sums{};
    const auto slot = find(ifindex);
    if (!slot) return sums;
    std::vector<counter> each(possible_cpus());
    for (std::uint32_t i = 0; i < kCountersPerSlot; ++i) {
        const std::uint32_t index = *slot * kCountersPerSlot + i;
        if (bpf_map_lookup_elem(counters_fd_, &index, each.data()) != 0) continue;
        auto& sum = sums[i / VERDICT_COUNT][i % VERDICT_COUNT];
        for (const auto& one : each) {
            sum.packets += one.packets;
            sum.bytes += one.bytes;
        }
    }
    return sums;
}

}  // namespace portlid::kernel
