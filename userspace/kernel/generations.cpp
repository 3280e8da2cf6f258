// SPDX-License-Identifier: Apache-2.0
#include "kernel/generations.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/clock.hpp"

namespace portlid::kernel {

namespace {

constexpr const char* kStartAfresh = "remove it with `portlid detach`, then start again";

}  // namespace

Result<Generations> Generations::open(int slots_fd, int tries_fd, const InnerShape& image,
                                      const InnerShape& trie) {
    if (image.value_size != sizeof(policy_image) || trie.value_size != sizeof(trie_chunk))
        return fail("the BPF programs were built with another policy image than this binary",
                    "rebuild: scripts/build", ExitCode::KernelMissing);
    Generations generations(slots_fd, tries_fd, image, trie);
    for (std::uint32_t i = 0; i < POLICY_SLOTS; ++i) {
        auto slot = generations.read_slot(i);
        if (!slot) return pass_on(std::move(slot.error()), "the policy of an earlier run");
        generations.slots_[i] = std::move(*slot);
    }
    return generations;
}

Result<Generations::Slot> Generations::read_slot(std::uint32_t index) const {
    std::uint32_t id = 0;
    if (bpf_map_lookup_elem(slots_fd_, &index, &id) != 0) return Slot{};
    const int fd = bpf_map_get_fd_by_id(id);
    if (fd < 0)
        return fail_errno("cannot open map " + std::to_string(id), -fd,
                          "adopting a policy needs CAP_SYS_ADMIN",
                          fd == -EPERM ? ExitCode::NoPermission : ExitCode::Failed);
    Slot slot{UniqueFd(fd), {}, nullptr};
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (const int error = bpf_obj_get_info_by_fd(fd, &info, &size); error != 0)
        return fail_errno("cannot examine map " + std::to_string(id), -error);
    if (info.value_size != sizeof(policy_image))
        return fail("its image has another size than this binary's", kStartAfresh);
    const auto image = std::make_unique<policy_image>();
    const std::uint32_t zero = 0;
    if (const int error = bpf_map_lookup_elem(fd, &zero, image.get()); error != 0)
        return fail_errno("cannot read its image", -error, kStartAfresh);
    slot.head = image->head;
    if (slot.head.abi_version != PORTLID_ABI_VERSION || slot.head.trie_slot >= TRIE_SLOTS)
        return fail("its image is not of this version", kStartAfresh);
    slot.enforcement = enforcement_of(*image);
    return slot;
}

const Generations::Slot& Generations::deciding() const {
    const auto& active = slots_[POLICY_SLOT_ACTIVE];
    const auto deadline = active.head.deadline_boot_ns;
    const bool expired = deadline != 0 && boot_now().ns > deadline;
    return expired ? slots_[POLICY_SLOT_PREVIOUS] : active;
}

std::uint64_t Generations::in_force() const {
    return deciding().head.generation;
}

bool Generations::begins_to_enforce(const policy_image& image) const {
    return kernel::begins_to_enforce(image, deciding().enforcement.get());
}

std::uint32_t Generations::free_trie_slot() const {
    for (std::uint32_t candidate = 0; candidate < TRIE_SLOTS; ++candidate) {
        const auto uses = [candidate](const Slot& slot) {
            return slot.head.generation != 0 && slot.head.trie_slot == candidate;
        };
        if (std::none_of(slots_.begin(), slots_.end(), uses)) return candidate;
    }
    static_assert(TRIE_SLOTS > POLICY_SLOTS, "there is always a free one");
    return 0;
}

Result<Generations::Slot> Generations::make_image(const policy::CompiledPolicy& policy) const {
    const auto image = std::make_unique<policy_image>();
    std::memcpy(image.get(), policy.image.get(), sizeof(*image));
    std::uint64_t latest = 0;
    for (const auto& slot : slots_) latest = std::max<std::uint64_t>(latest, slot.head.generation);
    image->head.generation = latest + 1;
    image->head.abi_version = PORTLID_ABI_VERSION;
    image->head.trie_slot = free_trie_slot();
    carry_enforcement(*image, deciding().enforcement.get(), boot_now());
    auto map = make_frozen("policy_image", image_shape_, std::as_bytes(std::span(image.get(), 1)),
                           "the policy image");
    if (!map) return pass_on(std::move(map.error()));
    return Slot{std::move(*map), image->head, enforcement_of(*image)};
}

Result<> Generations::point(int outer_fd, std::uint32_t index, int inner_fd) const {
    if (const int error = bpf_map_update_elem(outer_fd, &index, &inner_fd, BPF_ANY); error != 0)
        return fail_errno("cannot put the new generation in its slot", -error);
    return {};
}

Result<> Generations::switch_to(const Slot& fresh) {
    auto& active = slots_[POLICY_SLOT_ACTIVE];
    auto& previous = slots_[POLICY_SLOT_PREVIOUS];
    if (active.map.valid()) {
        if (auto kept = point(slots_fd_, POLICY_SLOT_PREVIOUS, active.map.get()); !kept)
            return kept;
    }
    auto switched = point(slots_fd_, POLICY_SLOT_ACTIVE, fresh.map.get());
    if (switched) return {};
    if (active.map.valid() && previous.map.valid())
        (void)point(slots_fd_, POLICY_SLOT_PREVIOUS, previous.map.get());
    return switched;
}

Result<std::uint64_t> Generations::publish(const policy::CompiledPolicy& policy) {
    if (!policy.image) return fail("there is no policy image to publish");
    auto fresh = make_image(policy);
    if (!fresh) return pass_on(std::move(fresh.error()), "publish");
    auto done = write_trie(tries_fd_, trie_shape_, fresh->head.trie_slot, policy.nodes);
    if (done) done = switch_to(*fresh);
    if (!done) return pass_on(std::move(done.error()), "publish");
    auto& active = slots_[POLICY_SLOT_ACTIVE];
    if (active.map.valid()) slots_[POLICY_SLOT_PREVIOUS] = std::move(active);
    active = std::move(*fresh);
    return active.head.generation;
}

}  // namespace portlid::kernel
