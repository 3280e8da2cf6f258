// SPDX-License-Identifier: Apache-2.0
// Policy generations: images in maps of their own, put in force by one write to an outer slot.
//
// publish() invariants, in order: (1) every new image and its trie are complete and read back
// before anything refers to them; (2) their tries sit in slots that no image in force or to come
// uses; (3) the later slots are written before (4) the first one, once, by which the new
// generation is in force. A failure before (4) leaves what was in force deciding.
#pragma once

#include <bpf/libbpf.h>

#include <array>
#include <cstdint>
#include <span>

#include "abi/maps.h"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "kernel/enforcement.hpp"
#include "kernel/inner_maps.hpp"
#include "kernel/stage.hpp"
#include "policy/compile.hpp"

namespace portlid::kernel {

class Generations {
public:
    // Reads what the slots hold; refuses images that another build wrote.
    [[nodiscard]] static Result<Generations> open(int slots_fd, int tries_fd,
                                                  const InnerShape& image, const InnerShape& trie);

    // Of the image that decides now; 0 = none. A deadline that has passed counts.
    [[nodiscard]] std::uint64_t in_force() const;
    // Puts the stages in force, the first at once; returns its generation. What decided until now
    // stays behind them as a fallback while there is room.
    [[nodiscard]] Result<std::uint64_t> publish(std::span<const Stage> stages);
    // One stage with the next number, and the deadline that its image has.
    [[nodiscard]] Result<std::uint64_t> publish(const policy::CompiledPolicy& policy);
    // Puts back what was published where somebody else wrote the slots or the tries behind them;
    // whether somebody had.
    [[nodiscard]] Result<bool> mend();
    // Some zone begins to enforce when `image` takes over from what decides now.
    [[nodiscard]] bool begins_to_enforce(const policy_image& image) const;

private:
    struct Slot {
        UniqueFd map;
        image_head head{};  // generation 0 = empty
        std::unique_ptr<Enforcement> enforcement;
        std::shared_ptr<const Trie> trie;  // may be another slot's too
    };
    Generations(int slots_fd, int tries_fd, const InnerShape& image, const InnerShape& trie)
        : slots_fd_(slots_fd), tries_fd_(tries_fd), image_shape_(image), trie_shape_(trie) {}

    using Slots = std::array<Slot, POLICY_SLOTS>;

    [[nodiscard]] const Slot& deciding() const;
    [[nodiscard]] std::uint64_t next_number() const;
    [[nodiscard]] Result<Slot> read_slot(std::uint32_t index) const;
    [[nodiscard]] Result<Slot> make_image(const Stage& stage, const Slots& next,
                                          const Enforcement* before, BootTime begins) const;
    [[nodiscard]] Result<> point(int outer_fd, std::uint32_t index, int inner_fd) const;
    [[nodiscard]] Result<> clear(std::uint32_t index) const;
    [[nodiscard]] std::uint32_t free_trie_slot(const Slots& next) const;
    [[nodiscard]] Result<> switch_to(const Slots& next);
    [[nodiscard]] bool is_as_published(std::uint32_t index) const;
    [[nodiscard]] Result<bool> mend_tries() const;
    [[nodiscard]] Result<bool> mend_slots();

    int slots_fd_;
    int tries_fd_;
    InnerShape image_shape_;
    InnerShape trie_shape_;
    Slots slots_;
};

}  // namespace portlid::kernel
