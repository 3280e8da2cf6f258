// SPDX-License-Identifier: Apache-2.0
#include "kernel/generations.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>

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
    Slot slot{UniqueFd(fd), {}, nullptr, nullptr};
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
    // Where that does not go it works as before, but is not watched.
    if (auto trie = read_trie(tries_fd_, slot.head.trie_slot))
        slot.trie = std::make_shared<const Trie>(std::move(*trie));
    else
        spdlog::warn("source lists of an earlier run are not watched: {}", trie.error().message);
    return slot;
}

// As active_image() in bpf/lib/interface.h finds it.
const Generations::Slot& Generations::deciding() const {
    static const Slot kNothing;
    const auto now = boot_now().ns;
    for (const auto& slot : slots_) {
        if (slot.head.generation == 0) break;
        if (slot.head.deadline_boot_ns == 0 || now <= slot.head.deadline_boot_ns) return slot;
    }
    return kNothing;
}

std::uint64_t Generations::in_force() const {
    return deciding().head.generation;
}

bool Generations::begins_to_enforce(const policy_image& image) const {
    return kernel::begins_to_enforce(image, deciding().enforcement.get());
}

std::uint32_t Generations::free_trie_slot(const Slots& next) const {
    static_assert(TRIE_SLOTS > 2 * POLICY_SLOTS, "there is always a free one");
    for (std::uint32_t candidate = 0; candidate < TRIE_SLOTS; ++candidate) {
        const auto uses = [candidate](const Slot& slot) {
            return slot.head.generation != 0 && slot.head.trie_slot == candidate;
        };
        if (std::none_of(slots_.begin(), slots_.end(), uses) &&
            std::none_of(next.begin(), next.end(), uses))
            return candidate;
    }
    return 0;
}

Result<Generations::Slot> Generations::make_image(const Stage& stage, const Slots& next,
                                                  const Enforcement* before,
                                                  BootTime begins) const {
    const auto image = std::make_unique<policy_image>();
    std::memcpy(image.get(), stage.policy->image.get(), sizeof(*image));
    image->head.generation = stage.generation;
    image->head.deadline_boot_ns = stage.deadline_boot_ns;
    image->head.abi_version = PORTLID_ABI_VERSION;
    image->head.trie_slot = free_trie_slot(next);
    carry_enforcement(*image, before, begins);
    auto map = make_frozen("policy_image", image_shape_, std::as_bytes(std::span(image.get(), 1)),
                           "the policy image");
    if (!map) return pass_on(std::move(map.error()));
    auto trie = write_trie(tries_fd_, trie_shape_, image->head.trie_slot, stage.policy->nodes);
    if (!trie) return pass_on(std::move(trie.error()));
    return Slot{std::move(*map), image->head, enforcement_of(*image),
                std::make_shared<const Trie>(std::move(*trie))};
}

Result<> Generations::point(int outer_fd, std::uint32_t index, int inner_fd) const {
    if (const int error = bpf_map_update_elem(outer_fd, &index, &inner_fd, BPF_ANY); error != 0)
        return fail_errno("cannot put the new generation in its slot", -error);
    return {};
}

Result<> Generations::clear(std::uint32_t index) const {
    const int error = bpf_map_delete_elem(slots_fd_, &index);
    if (error == 0 || error == -ENOENT) return {};
    return fail_errno("cannot empty a policy slot", -error);
}

// Later slots first: while the old first image decides, nobody looks at them.
Result<> Generations::switch_to(const Slots& next) {
    for (std::uint32_t index = POLICY_SLOTS; index-- > 0;) {
        const auto& slot = next[index];
        auto done = slot.map.valid() ? point(slots_fd_, index, slot.map.get()) : clear(index);
        if (!done) return done;
    }
    return {};
}

bool Generations::is_as_published(std::uint32_t index) const {
    std::uint32_t there = 0;
    if (bpf_map_lookup_elem(slots_fd_, &index, &there) != 0) there = 0;
    bpf_map_info ours{};
    __u32 size = sizeof(ours);
    const auto& map = slots_[index].map;
    if (map.valid() && bpf_obj_get_info_by_fd(map.get(), &ours, &size) != 0) return true;
    return there == ours.id;
}

Result<bool> Generations::mend_tries() const {
    bool any = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const auto& slot = slots_[i];
        const bool asked = i > 0 && slots_[i - 1].trie == slot.trie;  // the fallback's
        if (!slot.trie || asked) continue;
        const auto mended = mend_trie(tries_fd_, slot.head.trie_slot, *slot.trie);
        if (!mended) return mended;
        any = any || *mended;
    }
    return any;
}

Result<bool> Generations::mend_slots() {
    bool whole = true;
    for (std::uint32_t index = 0; index < POLICY_SLOTS; ++index)
        whole = whole && is_as_published(index);
    if (whole) return false;
    if (auto back = switch_to(slots_); !back) return pass_on(back.error());
    return true;
}

Result<bool> Generations::mend() {
    const auto tries = mend_tries();
    const auto slots = mend_slots();
    if (!tries) return tries;
    if (!slots) return slots;
    return *tries || *slots;
}

std::uint64_t Generations::next_number() const {
    std::uint64_t latest = 0;
    for (const auto& slot : slots_) latest = std::max<std::uint64_t>(latest, slot.head.generation);
    return latest + 1;
}

Result<std::uint64_t> Generations::publish(const policy::CompiledPolicy& policy) {
    if (!policy.image) return fail("there is no policy image to publish");
    const Stage only{&policy, next_number(), policy.image->head.deadline_boot_ns};
    return publish(std::span<const Stage>(&only, 1));
}

Result<std::uint64_t> Generations::publish(std::span<const Stage> stages) {
    if (stages.empty() || stages.size() > POLICY_SLOTS)
        return fail("a publication has one to " + std::to_string(POLICY_SLOTS) + " stages");
    Slots next;
    const auto& now_deciding = deciding();
    const auto* before = now_deciding.enforcement.get();
    auto begins = boot_now();
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (!stages[i].policy->image) return fail("there is no policy image to publish");
        auto fresh = make_image(stages[i], next, before, begins);
        if (!fresh) return pass_on(std::move(fresh.error()), "publish");
        next[i] = std::move(*fresh);
        before = next[i].enforcement.get();
        begins = {stages[i].deadline_boot_ns};
    }
    // What decided until now stays behind them: the fallback of a last stage with a deadline.
    const bool room = now_deciding.head.generation != 0 && stages.size() < POLICY_SLOTS;
    if (room) {
        next[stages.size()].map = UniqueFd(::fcntl(now_deciding.map.get(), F_DUPFD_CLOEXEC, 0));
        next[stages.size()].head = now_deciding.head;
        next[stages.size()].trie = now_deciding.trie;
    }
    if (auto switched = switch_to(next); !switched)
        return pass_on(std::move(switched.error()), "publish");
    if (room)
        next[stages.size()].enforcement = std::make_unique<Enforcement>(*now_deciding.enforcement);
    slots_ = std::move(next);
    return slots_[POLICY_SLOT_ACTIVE].head.generation;
}

}  // namespace portlid::kernel
