// SPDX-License-Identifier: Apache-2.0
#include "inventory/attribution.hpp"

namespace portlid::inventory {

namespace {

constexpr std::uint64_t kNsPerTick = 10'000'000;  // procfs counts in hundredths (USER_HZ)

// A record without a start time, and procfs rounding, both count as the same.
bool started_together(std::uint64_t start_ticks, BootTime started) {
    if (started.ns == 0 || start_ticks == 0) return true;
    const auto ticks = started.ns / kNsPerTick;
    return start_ticks <= ticks + 1 && ticks <= start_ticks + 1;
}

void add_parent(const identity::ProcRoot& proc, Holder& holder) {
    if (holder.process.ppid == 0) return;
    const auto parent = proc.read(holder.process.ppid);
    if (!parent) return;
    holder.parent_exe = parent->exe;
    holder.parent_container_id = parent->container_id;
    holder.parent_uid = parent->uid;
}

Holder from_record(const event::TaskFacts& task) {
    Holder holder;
    auto& process = holder.process;
    process.pid = task.pid;
    process.ppid = task.ppid;
    process.uid = task.uid;
    process.user = identity::user_name(task.uid);
    process.comm = task.comm;
    process.cgroup = task.cgroup_name;  // the leaf only: all that is left of it
    process.container_id = identity::container_id_of(task.cgroup_name);
    process.unit = identity::unit_of(task.cgroup_name);
    process.start_ticks = task.started.ns / kNsPerTick;
    process.netns = task.netns;
    return holder;
}

}  // namespace

std::optional<Holder> identify(const identity::ProcRoot& proc, std::uint32_t pid) {
    auto process = proc.read(pid);
    if (!process) return std::nullopt;
    Holder holder;
    holder.process = std::move(*process);
    // Only the arguments of these say anything here; others' may be kilobytes, ten thousand times.
    const auto name = identity::exe_name(holder.process.exe);
    if (name != "docker-proxy" && name != "conmon") holder.process.argv = {};
    holder.known = true;
    add_parent(proc, holder);
    return holder;
}

Holder identify(const identity::ProcRoot& proc, const event::TaskFacts& task) {
    auto holder = task.pid == 0 ? std::nullopt : identify(proc, task.pid);
    if (!holder || !started_together(holder->process.start_ticks, task.started)) {
        auto recorded = from_record(task);
        add_parent(proc, recorded);
        return recorded;
    }
    return std::move(*holder);
}

bool same_process(const Holder& a, const Holder& b) {
    const auto x = a.process.start_ticks;
    const auto y = b.process.start_ticks;
    return a.process.pid == b.process.pid && x <= y + 1 && y <= x + 1;
}

}  // namespace portlid::inventory
