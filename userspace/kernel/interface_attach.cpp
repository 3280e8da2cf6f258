// SPDX-License-Identifier: Apache-2.0
// Attaching to one interface: the order comes from attach_plan, the how is here.
#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "kernel/classic_tc.hpp"
#include "kernel/interface_hooks.hpp"
#include "kernel/links.hpp"
#include "kernel/self_test.hpp"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {

namespace {

void add_note(std::string& notes, const std::string& note) {
    if (!note.empty()) notes += (notes.empty() ? "" : "; ") + note;
}

Result<UniqueFd> create_link(int prog_fd, std::uint32_t ifindex, bpf_attach_type type,
                             std::uint32_t flags) {
    LIBBPF_OPTS(bpf_link_create_opts, options);
    options.flags = flags;
    const int fd = bpf_link_create(prog_fd, static_cast<int>(ifindex), type, &options);
    if (fd >= 0) return UniqueFd(fd);
    return fail_errno("the kernel does not attach it", -fd);
}

// The packet path goes from the old program to ours between two packets.
Result<> update_in_place(const UniqueFd& link, int prog_fd, const std::filesystem::path& pin) {
    if (const int error = bpf_link_update(link.get(), prog_fd, nullptr); error != 0)
        return fail_errno("the kernel does not update the link", -error);
    if (is_pinned(pin)) return {};
    return pin_in_place(link.get(), pin);
}

}  // namespace

InterfaceState InterfaceHooks::attach(const InterfaceRequest& request) {
    auto& hooks = hooks_of(request.ifindex);
    hooks.state.attached.reset();
    hooks.state.egress = false;
    hooks.state.passed_by = false;
    hooks.state.why.clear();
    hooks.asked = request;
    if (!request.name.empty()) hooks.state.name = request.name;
    if (interface_name(request.ifindex).empty()) {
        hooks.state.why = "the interface is gone from this network namespace";
        return hooks.state;
    }
    // The entry first: a program that finds none judges nothing.
    const auto claim = slots_.claim(request);
    if (!claim) {
        hooks.state.why = claim.error().message;
        return hooks.state;
    }
    // Egress before ingress, so that the first reply to be judged finds its flow.
    const auto egress =
        self_test_tc(programs_.tc_out, request.ifindex, request.layer3).and_then([&] {
            return try_tc(hooks, Direction::Out);
        });
    hooks.state.egress = egress.has_value();
    attach_ingress(hooks, request);
    if (!egress) add_note(hooks.state.why, "egress: " + egress.error().message);
    if (claim->fresh && !hooks.state.attached) slots_.release(request.ifindex);
    return hooks.state;
}

AttachPlan InterfaceHooks::plan(const Hooks& hooks, const InterfaceRequest& request) const {
    InterfaceTraits traits;
    traits.layer3 = request.layer3;
    traits.driver = interface_driver(interface_name(request.ifindex));
    traits.held = held_kind(hooks);
    const auto xdp = query_xdp(request.ifindex);
    traits.foreign_xdp = xdp.prog_id != 0 && !link_holds(hooks.xdp, request.ifindex);
    return plan_attach(request.wanted, traits);
}

void InterfaceHooks::attach_ingress(Hooks& hooks, const InterfaceRequest& request) {
    const auto plan = this->plan(hooks, request);
    auto notes = plan.why;
    for (const auto kind : plan.order) {
        const auto done = try_kind(hooks, request, kind);
        if (!done) {
            add_note(notes, std::string(to_string(kind)) + ": " + done.error().message);
            continue;
        }
        keep_only(hooks, kind);
        hooks.state.attached = kind;
        if (kind == AttachKind::Tc && hooks.classic_in)
            add_note(notes, "by a clsact filter, which root can replace unseen (no tcx here)");
        hooks.state.passed_by = !is_first(hooks);
        if (hooks.state.passed_by) add_note(notes, "another tc program runs before ours");
        break;
    }
    hooks.state.why = notes;
}

Result<> InterfaceHooks::try_kind(Hooks& hooks, const InterfaceRequest& request, AttachKind kind) {
    if (kind == AttachKind::Tc)
        return self_test_tc(programs_.tc_in, request.ifindex, request.layer3).and_then([&] {
            return try_tc(hooks, Direction::In);
        });
    return self_test_xdp(programs_.xdp, request.ifindex).and_then([&] {
        return try_xdp(hooks, kind);
    });
}

// The old link stands in the way: gone, in another namespace, or in the other mode (the kernel
// allows one mode at a time). In the last case tc takes over until the new link is there.
Result<> InterfaceHooks::make_room_for_xdp(Hooks& hooks) {
    const auto ifindex = hooks.state.ifindex;
    if (link_holds(hooks.xdp, ifindex)) {
        if (auto bridged = try_tc(hooks, Direction::In); !bridged)
            return pass_on(std::move(bridged.error()), "no way to change the XDP mode unseen");
    }
    drop_link(std::move(hooks.xdp), pin(ifindex, "xdp"));
    return {};
}

Result<> InterfaceHooks::try_xdp(Hooks& hooks, AttachKind mode) {
    const auto ifindex = hooks.state.ifindex;
    if (xdp_mode(hooks.xdp, ifindex) == mode)
        return update_in_place(hooks.xdp, programs_.xdp, pin(ifindex, "xdp"));
    if (hooks.xdp.valid()) {
        if (auto room = make_room_for_xdp(hooks); !room) return room;
    }
    auto link = create_link(programs_.xdp, ifindex, BPF_XDP,
                            mode == AttachKind::Native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
    if (!link) return pass_on(std::move(link.error()));
    // Some drivers say yes and do nothing.
    if (xdp_mode(*link, ifindex) != mode) {
        drop_link(std::move(*link), {});
        return fail("the driver took it, yet it is not in force");
    }
    if (auto pinned = pin_in_place(link->get(), pin(ifindex, "xdp")); !pinned) {
        drop_link(std::move(*link), {});
        return pinned;
    }
    hooks.xdp = std::move(*link);
    return {};
}

Result<> InterfaceHooks::try_tc(Hooks& hooks, Direction direction) {
    bool missing = false;
    auto done = try_tcx(hooks, direction, missing);
    if (done || !missing) return done;
    return try_classic(hooks, direction);
}

// Somebody got in front of us. One program cannot be in the list twice, so where the link holds
// the very program that is to go first, a clsact filter stands in while it moves.
void InterfaceHooks::step_aside(Hooks& hooks) {
    const auto facts = link_facts(hooks.tcx_in.get());
    if (!facts || facts->prog_id != program_id(programs_.tc_in)) return;
    (void)try_classic(hooks, Direction::In);  // being passed by is worse than an instant without
    drop_tcx(hooks, Direction::In);
}

// `missing` becomes true when clsact must do: no tcx in this kernel, or no link is left.
Result<> InterfaceHooks::try_tcx(Hooks& hooks, Direction direction, bool& missing) {
    const bool in = direction == Direction::In;
    const auto ifindex = hooks.state.ifindex;
    auto& held = in ? hooks.tcx_in : hooks.tcx_out;
    const int program = in ? programs_.tc_in : programs_.tc_out;
    const auto path = pin(ifindex, in ? "tcx_in" : "tcx_out");
    const bool holds = link_holds(held, ifindex);
    if (holds && (!in || is_first(hooks))) return update_in_place(held, program, path);
    if (holds) step_aside(hooks);
    auto link = create_link(program, ifindex, in ? kTcxIngress : kTcxEgress, kBefore);
    if (!link) {
        const int error = link.error().errno_value;
        missing = error == EINVAL || error == EOPNOTSUPP || !held.valid();
        return pass_on(std::move(link.error()));
    }
    if (!link_holds(*link, ifindex)) {
        drop_link(std::move(*link), {});
        return fail("the kernel took it, yet it is not in force");
    }
    if (auto pinned = pin_in_place(link->get(), path); !pinned) {
        drop_link(std::move(*link), {});
        return pinned;
    }
    drop_link(std::exchange(held, std::move(*link)), {});
    return {};
}

Result<> InterfaceHooks::try_classic(Hooks& hooks, Direction direction) {
    const bool in = direction == Direction::In;
    const auto ifindex = hooks.state.ifindex;
    const auto marker = pin(ifindex, "classic");
    // The marker first: without it nobody would find the filter again.
    if (::mkdir(marker.c_str(), 0700) != 0 && errno != EEXIST)
        return fail_errno("cannot make " + marker.string(), errno);
    const int program = in ? programs_.tc_in : programs_.tc_out;
    auto made_qdisc = attach_classic(ifindex, direction, program);
    if (!made_qdisc) {
        if (!hooks.classic_in && !hooks.classic_out) ::rmdir(marker.c_str());
        return pass_on(std::move(made_qdisc.error()));
    }
    if (*made_qdisc) ::mkdir((marker / "qdisc").c_str(), 0700);
    (in ? hooks.classic_in : hooks.classic_out) = true;
    const auto filter = find_classic(ifindex, direction);
    if (filter && filter->prog_id == program_id(program)) return {};
    drop_classic(hooks, direction);
    return fail("the kernel took the filter, yet it is not in force");
}

}  // namespace portlid::kernel
