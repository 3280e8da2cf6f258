// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_hooks.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "kernel/links.hpp"
#include "kernel/lsm_order.hpp"

namespace portlid::kernel {

namespace {

constexpr const char* kAttached = "attached";
constexpr const char* kFailed = "failed";
constexpr const char* kUnavailable = "unavailable";

constexpr std::array kCgroupHooks{"post_bind4", "post_bind6", "bind4", "bind6", "sock_release"};
constexpr std::array kOptionalHooks{"lsm_bind", "lsm_listen"};
constexpr const char* kListenHook = "listen";
constexpr const char* kListenProgram = "sock_set_state";

void settle(HookState& state, const Result<>& result) {
    state.state = result ? kAttached : kFailed;
    state.why = result ? std::string() : result.error().message;
}

}  // namespace

SocketHooks::Hook& SocketHooks::hook(const char* name) {
    const auto named = [name](const Hook& one) { return one.state.name == name; };
    const auto found = std::find_if(hooks_.begin(), hooks_.end(), named);
    if (found != hooks_.end()) return *found;
    hooks_.push_back({{name, kFailed, "not tried"}, {}, false, 0});
    return hooks_.back();
}

Result<> SocketHooks::attach_cgroup(Hook& hook, const bpf_program* program, const Cgroup& cgroup) {
    const auto path = links_ / hook.state.name;
    const int prog_fd = bpf_program__fd(program);
    hook.program = program_id(prog_fd);
    auto held = hook.link.valid() ? std::move(hook.link) : open_pin(path);
    const auto facts = link_facts(held.get());
    if (facts && facts->cgroup_id == cgroup.id && is_pinned(path) &&
        bpf_link_update(held.get(), prog_fd, nullptr) == 0) {
        hook.link = std::move(held);
        return {};
    }
    const auto type = bpf_program__expected_attach_type(program);
    UniqueFd fresh(bpf_link_create(prog_fd, cgroup.fd.get(), type, nullptr));
    if (fresh.get() < 0)
        return fail_errno("cannot attach to the cgroup " + cgroup.path.string(), errno);
    if (auto pinned = pin_in_place(fresh.get(), path); !pinned) return pinned;
    drop_link(std::move(held), {});
    hook.link = std::move(fresh);
    return {};
}

// Links of tracing programs cannot be updated: for an instant both are attached.
Result<> SocketHooks::attach_tracing(Hook& hook, int prog_fd) {
    const auto path = links_ / hook.state.name;
    const auto facts = link_facts(hook.link.get());
    hook.program = program_id(prog_fd);
    if (facts && facts->prog_id == hook.program && is_pinned(path)) return {};
    UniqueFd fresh(bpf_raw_tracepoint_open(nullptr, prog_fd));
    if (fresh.get() < 0) return fail_errno("the kernel does not attach it", errno);
    if (auto pinned = pin_in_place(fresh.get(), path); !pinned) return pinned;
    hook.link = std::move(fresh);
    return {};
}

void SocketHooks::attach_base(const LoadedPrograms& programs, const Cgroup& cgroup) {
    for (const char* name : kCgroupHooks) {
        auto& target = hook(name);
        target.on_cgroup = true;
        const auto* program = bpf_object__find_program_by_name(programs.object, name);
        settle(target.state, attach_cgroup(target, program, cgroup));
    }
    auto& listen = hook(kListenHook);
    settle(listen.state, attach_tracing(listen, programs.program(kListenProgram)));
}

void SocketHooks::attach_optional(const LoadedPrograms& programs) {
    const auto order = lsm_order();
    const bool never_run = !order.empty() && !bpf_lsm_runs(order);
    for (const char* name : kOptionalHooks) {
        auto& target = hook(name);
        if (target.state.state == kAttached) continue;
        if (never_run) {
            target.state.state = kUnavailable;
            target.state.why = "the kernel would not call it: bpf is not in lsm=" + order;
            continue;
        }
        auto extra = load_optional(programs, name);
        if (!extra) {
            target.state.state = kUnavailable;
            target.state.why = extra.error().message;
            continue;
        }
        settle(target.state, attach_tracing(target, extra->program(name)));
        optional_.push_back(std::move(*extra));
    }
}

Result<> SocketHooks::attach(const LoadedPrograms& programs, const Cgroup& cgroup) {
    verify(true);
    attach_base(programs, cgroup);
    attach_optional(programs);
    const auto attached = [](const Hook& one) { return one.state.state == kAttached; };
    if (std::any_of(hooks_.begin(), hooks_.end(), attached)) return {};
    return fail("not one socket hook could be attached: " + hooks_.front().state.why,
                "`portlid doctor` shows what this kernel can do", ExitCode::KernelMissing);
}

// "" = nothing.
const char* SocketHooks::wrong_with(const Hook& hook, bool repinned) const {
    const auto facts = link_facts(hook.link.get());
    if (!facts || (hook.on_cgroup && facts->cgroup_id == 0)) return "somebody detached it";
    if (facts->prog_id != hook.program) return "somebody put another program in its place";
    const bool pinned = !repinned || is_pinned(links_ / hook.state.name);
    return pinned ? "" : "somebody removed its pin";
}

void SocketHooks::verify(bool repinned) {
    for (auto& one : hooks_) {
        if (one.state.state != kAttached) continue;
        const std::string wrong = wrong_with(one, repinned);
        if (wrong.empty()) continue;
        one.state.state = kFailed;
        one.state.why = wrong;
    }
}

std::vector<HookState> SocketHooks::states() const {
    std::vector<HookState> states;
    for (const auto& one : hooks_) states.push_back(one.state);
    return states;
}

void SocketHooks::detach() {
    for (auto& one : hooks_) drop_link(std::move(one.link), links_ / one.state.name);
    hooks_.clear();
    optional_.clear();
}

}  // namespace portlid::kernel
