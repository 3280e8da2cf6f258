// SPDX-License-Identifier: GPL-2.0-only
// Who runs now. Only hooks that run in process context may ask: in softirq "current" is whoever
// was interrupted.
#pragma once

#include "lib/maps.h"
// after the helpers
#include <bpf/bpf_core_read.h>

// The group leader speaks for the process: a worker thread may be called iou-wrk or anything.
static __always_inline void fill_process(struct task_identity* out, struct task_struct* task) {
    struct task_struct* leader = BPF_CORE_READ(task, group_leader);
    out->pid = (__u32)BPF_CORE_READ(task, tgid);
    out->ppid = (__u32)BPF_CORE_READ(leader, real_parent, tgid);
    out->uid = BPF_CORE_READ(task, cred, uid.val);
    out->start_boot_ns = BPF_CORE_READ(leader, start_boottime);
    BPF_CORE_READ_INTO(&out->comm, leader, comm);
    // NULL while the task exits; the reads then give 0, which means "not known".
    out->task_netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}

// The cgroup in the v2 hierarchy; on hybrid hosts that is the one that containers have there too.
static __always_inline void fill_cgroup(struct task_identity* out, struct task_struct* task) {
    struct kernfs_node* node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
    out->cgroup_id = BPF_CORE_READ(node, id);
    bpf_probe_read_kernel_str(out->cgroup_name, sizeof(out->cgroup_name),
                              BPF_CORE_READ(node, name));
}

// `out` must have been zeroed: what cannot be read stays 0.
static __always_inline void fill_current_task(struct task_identity* out) {
    struct task_struct* task = (struct task_struct*)bpf_get_current_task();
    fill_process(out, task);
    fill_cgroup(out, task);
}
