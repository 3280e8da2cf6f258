// SPDX-License-Identifier: Apache-2.0
// Ingress and egress of each interface: attach, take over from an earlier run, check, detach.
//
// Pins are links/<ifindex>_xdp, _tcx_in, _tcx_out; a directory links/<ifindex>_classic stands for
// clsact filters, and a directory `qdisc` in it for a clsact qdisc that we made.
//
// Never a gap: what holds is updated in place, or its successor is attached before it goes.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "kernel/attach_plan.hpp"
#include "kernel/interface_facts.hpp"
#include "kernel/interface_slots.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

struct PacketPrograms {
    int xdp = -1;
    int tc_in = -1;
    int tc_out = -1;
};

class InterfaceHooks {
public:
    // Opens what earlier runs left under `links`.
    InterfaceHooks(std::filesystem::path links, PacketPrograms programs, InterfaceSlots slots);

    InterfaceState attach(const InterfaceRequest& request);
    void detach(std::uint32_t ifindex);
    // Without `moved` it is not asked again in which network namespace a known interface is,
    // without `repinned` not whether links are pinned.
    void verify(bool moved, bool repinned);
    [[nodiscard]] std::vector<InterfaceState> states() const;
    // Id of the program that the kernel runs on what comes in by `ifindex`; 0 = none of ours.
    [[nodiscard]] std::uint32_t ingress_program(std::uint32_t ifindex) const;
    [[nodiscard]] const InterfaceSlots& slots() const { return slots_; }

private:
    struct Hooks {
        InterfaceState state;
        UniqueFd xdp;
        UniqueFd tcx_in;
        UniqueFd tcx_out;
        bool classic_in = false;
        bool classic_out = false;
        std::optional<InterfaceRequest> asked;  // none: only an earlier run did
    };

    [[nodiscard]] std::filesystem::path pin(std::uint32_t ifindex, const char* kind) const;
    [[nodiscard]] bool adopt(const std::filesystem::path& entry);
    void rename_pins(std::vector<std::filesystem::path> misnamed);
    Hooks& hooks_of(std::uint32_t ifindex);

    [[nodiscard]] bool link_holds(const UniqueFd& link, std::uint32_t ifindex) const;
    // The mode in which an XDP link's program runs on the interface; none: it does not.
    [[nodiscard]] std::optional<AttachKind> xdp_mode(const UniqueFd& link,
                                                     std::uint32_t ifindex) const;
    [[nodiscard]] std::optional<AttachKind> held_kind(const Hooks& hooks) const;
    [[nodiscard]] bool egress_holds(const Hooks& hooks) const;
    [[nodiscard]] bool all_pinned(const Hooks& hooks) const;
    [[nodiscard]] bool is_first(const Hooks& hooks) const;
    [[nodiscard]] static std::uint32_t running_program(const Hooks& hooks);
    [[nodiscard]] bool program_is_ours(const Hooks& hooks) const;
    [[nodiscard]] bool egress_is_ours(const Hooks& hooks) const;
    void verify_one(Hooks& hooks, bool moved, bool repinned);
    [[nodiscard]] bool holds_ingress(const Hooks& hooks, bool moved) const;

    [[nodiscard]] AttachPlan plan(const Hooks& hooks, const InterfaceRequest& request) const;
    void attach_ingress(Hooks& hooks, const InterfaceRequest& request);
    [[nodiscard]] Result<> try_kind(Hooks& hooks, const InterfaceRequest& request, AttachKind kind);
    [[nodiscard]] Result<> try_xdp(Hooks& hooks, AttachKind mode);
    [[nodiscard]] Result<> make_room_for_xdp(Hooks& hooks);
    [[nodiscard]] Result<> try_tc(Hooks& hooks, Direction direction);
    [[nodiscard]] Result<> try_tcx(Hooks& hooks, Direction direction, bool& missing);
    [[nodiscard]] Result<> try_classic(Hooks& hooks, Direction direction);
    void step_aside(Hooks& hooks);
    void keep_only(Hooks& hooks, AttachKind kind);
    void drop_tcx(Hooks& hooks, Direction direction);
    void drop_classic(Hooks& hooks, Direction direction);

    std::filesystem::path links_;
    PacketPrograms programs_;
    InterfaceSlots slots_;
    std::map<std::uint32_t, Hooks> interfaces_;
};

}  // namespace portlid::kernel
