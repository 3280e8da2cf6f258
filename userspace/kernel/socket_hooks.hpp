// SPDX-License-Identifier: Apache-2.0
// The hooks on sockets: cgroup programs, the state tracepoint, and the optional LSM programs.
#pragma once

#include <filesystem>
#include <vector>

#include "base/unique_fd.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/lifecycle.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

class SocketHooks {
public:
    explicit SocketHooks(std::filesystem::path links) : links_(std::move(links)) {}

    // Attaches each hook or updates the link of an earlier run; may be called again to repair.
    // An error only when not one of the hooks that everything rests on is in place.
    [[nodiscard]] Result<> attach(const LoadedPrograms& programs, const Cgroup& cgroup);
    // States of hooks that somebody detached, or whose program somebody replaced, become "failed".
    void verify(bool repinned);
    [[nodiscard]] std::vector<HookState> states() const;
    void detach();

private:
    struct Hook {
        HookState state;
        UniqueFd link;
        bool on_cgroup = false;
        std::uint32_t program = 0;  // id of ours: root may put another one into the link
    };
    [[nodiscard]] Hook& hook(const char* name);
    [[nodiscard]] const char* wrong_with(const Hook& hook, bool repinned) const;
    [[nodiscard]] Result<> attach_cgroup(Hook& hook, const bpf_program* program,
                                         const Cgroup& cgroup);
    [[nodiscard]] Result<> attach_tracing(Hook& hook, int prog_fd);
    void attach_base(const LoadedPrograms& programs, const Cgroup& cgroup);
    void attach_optional(const LoadedPrograms& programs);

    std::filesystem::path links_;
    std::vector<Hook> hooks_;
    std::vector<LoadedPrograms> optional_;
};

}  // namespace portlid::kernel
