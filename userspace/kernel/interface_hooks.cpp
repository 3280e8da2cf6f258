// SPDX-License-Identifier: Apache-2.0
// What holds on an interface: adoption, verification, detaching. Attaching is in
// interface_attach.cpp.
#include "kernel/interface_hooks.hpp"

#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "kernel/classic_tc.hpp"
#include "kernel/links.hpp"
#include "kernel/pin_directory.hpp"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {

namespace fs = std::filesystem;

namespace {

// "" = none that an interface has.
const char* kind_of(const UniqueFd& link) {
    const auto facts = link_facts(link.get());
    if (!facts) return "";
    if (facts->type == BPF_LINK_TYPE_XDP) return "xdp";
    if (facts->type != kLinkTypeTcx) return "";
    return facts->attach_type == kTcxIngress ? "tcx_in" : "tcx_out";
}

constexpr const char* kGone = "the interface is gone from this network namespace";

}  // namespace

InterfaceHooks::InterfaceHooks(fs::path links, PacketPrograms programs, InterfaceSlots slots)
    : links_(std::move(links)), programs_(programs), slots_(slots) {
    std::vector<fs::path> misnamed;
    for (const auto& entry : entries(links_))
        if (!adopt(entry)) misnamed.push_back(entry);
    if (!misnamed.empty()) rename_pins(std::move(misnamed));
    for (auto& [ifindex, hooks] : interfaces_) {
        hooks.state.attached = held_kind(hooks);
        hooks.state.egress = egress_holds(hooks);
        hooks.state.why = hooks.state.attached ? "attached by an earlier run"
                          : interface_name(ifindex).empty()
                              ? kGone
                              : "an earlier run's program is detached";
    }
}

fs::path InterfaceHooks::pin(std::uint32_t ifindex, const char* kind) const {
    return links_ / (std::to_string(ifindex) + "_" + kind);
}

// False: the pin's name says another kind of link than it is.
bool InterfaceHooks::adopt(const fs::path& entry) {
    const auto name = entry.filename().string();
    std::uint32_t ifindex = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), ifindex);
    if (error != std::errc() || ifindex == 0) return true;  // a socket hook's pin
    const std::string kind(stop, name.data() + name.size());
    auto& hooks = hooks_of(ifindex);
    if (kind == "_classic") {
        hooks.classic_in = find_classic(ifindex, Direction::In).has_value();
        hooks.classic_out = find_classic(ifindex, Direction::Out).has_value();
        return true;
    }
    auto link = open_pin(entry);
    const std::string really = kind_of(link);
    auto* place = really == "xdp"       ? &hooks.xdp
                  : really == "tcx_in"  ? &hooks.tcx_in
                  : really == "tcx_out" ? &hooks.tcx_out
                                        : nullptr;
    const bool right = kind == "_" + really;
    if (place != nullptr && (right || !place->valid())) *place = std::move(link);
    return right;
}

// Somebody exchanged names. All links are open by now, so none ends when another takes its pin.
void InterfaceHooks::rename_pins(std::vector<fs::path> misnamed) {
    for (const auto& [ifindex, hooks] : interfaces_)
        for (const auto& [link, kind] : {std::pair{&hooks.xdp, "xdp"},
                                         {&hooks.tcx_in, "tcx_in"},
                                         {&hooks.tcx_out, "tcx_out"}}) {
            const auto name = pin(ifindex, kind);
            // What fails is made good by attaching.
            if (link->valid() && pin_in_place(link->get(), name)) std::erase(misnamed, name);
        }
    std::error_code stays;
    for (const auto& entry : misnamed) fs::remove(entry, stays);
}

InterfaceHooks::Hooks& InterfaceHooks::hooks_of(std::uint32_t ifindex) {
    auto& hooks = interfaces_[ifindex];
    hooks.state.ifindex = ifindex;
    if (const auto name = interface_name(ifindex); !name.empty()) hooks.state.name = name;
    if (hooks.state.name.empty()) hooks.state.name = "if" + std::to_string(ifindex);
    return hooks;
}

// A link says which ifindex it is on, but not in which network namespace; asking the interface of
// that number here for its programs says the rest.
bool InterfaceHooks::link_holds(const UniqueFd& link, std::uint32_t ifindex) const {
    const auto facts = link_facts(link.get());
    if (!facts || facts->ifindex != ifindex) return false;
    if (facts->type == BPF_LINK_TYPE_XDP) return xdp_mode(link, ifindex).has_value();
    for (const auto direction : {Direction::In, Direction::Out}) {
        const auto ids = query_tcx(ifindex, direction);
        if (std::find(ids.begin(), ids.end(), facts->prog_id) != ids.end()) return true;
    }
    return false;
}

std::optional<AttachKind> InterfaceHooks::xdp_mode(const UniqueFd& link,
                                                   std::uint32_t ifindex) const {
    const auto facts = link_facts(link.get());
    if (!facts || facts->type != BPF_LINK_TYPE_XDP || facts->ifindex != ifindex) return {};
    const auto present = query_xdp(ifindex);
    if (present.prog_id != facts->prog_id) return {};
    return present.mode;
}

std::optional<AttachKind> InterfaceHooks::held_kind(const Hooks& hooks) const {
    const auto ifindex = hooks.state.ifindex;
    if (const auto mode = xdp_mode(hooks.xdp, ifindex)) return mode;
    if (link_holds(hooks.tcx_in, ifindex)) return AttachKind::Tc;
    if (hooks.classic_in && find_classic(ifindex, Direction::In)) return AttachKind::Tc;
    return std::nullopt;
}

// Every second, so an XDP program is looked for by netlink only when its interface may have moved.
bool InterfaceHooks::holds_ingress(const Hooks& hooks, bool moved) const {
    if (moved || !hooks.xdp.valid()) return held_kind(hooks).has_value();
    const auto facts = link_facts(hooks.xdp.get());
    return facts && facts->ifindex == hooks.state.ifindex;
}

bool InterfaceHooks::egress_holds(const Hooks& hooks) const {
    const auto ifindex = hooks.state.ifindex;
    if (link_holds(hooks.tcx_out, ifindex)) return true;
    return hooks.classic_out && find_classic(ifindex, Direction::Out).has_value();
}

bool InterfaceHooks::all_pinned(const Hooks& hooks) const {
    const auto ifindex = hooks.state.ifindex;
    return (!hooks.xdp.valid() || is_pinned(pin(ifindex, "xdp"))) &&
           (!hooks.tcx_in.valid() || is_pinned(pin(ifindex, "tcx_in"))) &&
           (!hooks.tcx_out.valid() || is_pinned(pin(ifindex, "tcx_out")));
}

// A tcx program that runs earlier and says "ok" ends the chain before us.
bool InterfaceHooks::is_first(const Hooks& hooks) const {
    const auto facts = link_facts(hooks.tcx_in.get());
    if (!facts) return true;
    const auto ids = query_tcx(hooks.state.ifindex, Direction::In);
    return ids.empty() || ids.front() == facts->prog_id;
}

std::uint32_t InterfaceHooks::running_program(const Hooks& hooks) {
    if (const auto facts = link_facts(hooks.xdp.get())) return facts->prog_id;
    if (const auto facts = link_facts(hooks.tcx_in.get())) return facts->prog_id;
    const auto filter = find_classic(hooks.state.ifindex, Direction::In);
    return filter ? filter->prog_id : 0;
}

std::uint32_t InterfaceHooks::ingress_program(std::uint32_t ifindex) const {
    const auto found = interfaces_.find(ifindex);
    return found == interfaces_.end() ? 0 : running_program(found->second);
}

bool InterfaceHooks::program_is_ours(const Hooks& hooks) const {
    const auto running = running_program(hooks);
    return running != 0 &&
           (running == program_id(programs_.xdp) || running == program_id(programs_.tc_in));
}

bool InterfaceHooks::egress_is_ours(const Hooks& hooks) const {
    const auto ours = program_id(programs_.tc_out);
    if (const auto facts = link_facts(hooks.tcx_out.get())) return facts->prog_id == ours;
    const auto filter = find_classic(hooks.state.ifindex, Direction::Out);
    return filter && filter->prog_id == ours;
}

void InterfaceHooks::verify_one(Hooks& hooks, bool moved, bool repinned) {
    auto& state = hooks.state;
    const auto lost = [&state](const char* why) {
        state.attached.reset();
        state.why = why;
    };
    const bool egress_there = egress_holds(hooks);
    state.egress = egress_there && egress_is_ours(hooks);
    const bool ingress_there = holds_ingress(hooks, moved);
    if ((moved || !ingress_there || !egress_there) && interface_name(state.ifindex).empty())
        return lost(kGone);
    if (!ingress_there) return lost("somebody detached the ingress program");
    // What is not pinned, or not ours, does not outlive us or does not do what we think.
    if (repinned && !all_pinned(hooks)) return lost("somebody removed the pin of a link");
    if (!program_is_ours(hooks))
        return lost(
            "another sensor, or somebody with its rights, put another program in its place");
    if (hooks.asked && !slots_.holds(*hooks.asked))
        return lost("somebody changed what the kernel knows of the interface");
    if (!state.egress)
        state.why = egress_there ? "somebody put another program in place of egress"
                                 : "somebody detached the egress program";
    state.passed_by = !is_first(hooks);
    if (state.passed_by) state.why = "another tc program runs before ours and may pass it by";
}

void InterfaceHooks::verify(bool moved, bool repinned) {
    for (auto& [ifindex, hooks] : interfaces_)
        if (hooks.state.attached) verify_one(hooks, moved, repinned);
}

void InterfaceHooks::drop_tcx(Hooks& hooks, Direction direction) {
    auto& link = direction == Direction::In ? hooks.tcx_in : hooks.tcx_out;
    const char* kind = direction == Direction::In ? "tcx_in" : "tcx_out";
    drop_link(std::move(link), pin(hooks.state.ifindex, kind));
}

void InterfaceHooks::drop_classic(Hooks& hooks, Direction direction) {
    auto& held = direction == Direction::In ? hooks.classic_in : hooks.classic_out;
    const auto marker = pin(hooks.state.ifindex, "classic");
    if (held) detach_classic(hooks.state.ifindex, direction);
    held = false;
    if (hooks.classic_in || hooks.classic_out) return;
    if (::rmdir((marker / "qdisc").c_str()) == 0) remove_unused_clsact(hooks.state.ifindex);
    ::rmdir(marker.c_str());
}

void InterfaceHooks::keep_only(Hooks& hooks, AttachKind kind) {
    if (kind == AttachKind::Tc) {
        drop_link(std::move(hooks.xdp), pin(hooks.state.ifindex, "xdp"));
        if (hooks.tcx_in.valid()) drop_classic(hooks, Direction::In);
        return;
    }
    drop_tcx(hooks, Direction::In);
    drop_classic(hooks, Direction::In);
}

void InterfaceHooks::detach(std::uint32_t ifindex) {
    const auto found = interfaces_.find(ifindex);
    if (found != interfaces_.end()) {
        auto& hooks = found->second;
        drop_link(std::move(hooks.xdp), pin(ifindex, "xdp"));
        for (const auto direction : {Direction::In, Direction::Out}) {
            drop_tcx(hooks, direction);
            drop_classic(hooks, direction);
        }
        interfaces_.erase(found);
    }
    slots_.release(ifindex);
}

std::vector<InterfaceState> InterfaceHooks::states() const {
    std::vector<InterfaceState> states;
    for (const auto& [ifindex, hooks] : interfaces_) states.push_back(hooks.state);
    return states;
}

}  // namespace portlid::kernel
