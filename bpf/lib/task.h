// SPDX-License-Identifier: GPL-2.0-only
// Who runs now. Only hooks that run in process context may ask: in softirq "current" is whoever
// was interrupted.
//
// The verifier knows the type of the current task, so what it leads to is read by plain loads that
// give 0 where they would fault; a helper call for each member would double what bind() costs.
#pragma once

#include "lib/maps.h"
// after the helpers
#include <bpf/bpf_core_read.h>

// The group leader speaks for the process: a worker thread may be called iou-wrk or anything.
static __always_inline void fill_process(struct task_identity* out, struct task_struct* task) {
    struct task_struct* leader = task->group_leader;
    out->pid = (__u32)task->tgid;
    out->ppid = (__u32)leader->real_parent->tgid;
    out->uid = task->cred->uid.val;
    out->start_boot_ns = leader->start_boottime;
    BPF_CORE_READ_INTO(&out->comm, leader, comm);
    // nsproxy is NULL while the task exits; the reads then give 0, which means "not known".
    out->task_netns = task->nsproxy->net_ns->ns.inum;
}

// The cgroup in the v2 hierarchy; on hybrid hosts that is the one that containers have there too.
static __always_inline void fill_cgroup(struct task_identity* out, struct task_struct* task) {
    struct kernfs_node* node = task->cgroups->dfl_cgrp->kn;
    out->cgroup_id = node->id;
    bpf_probe_read_kernel_str(out->cgroup_name, sizeof(out->cgroup_name), node->name);
}

// `out` must have been zeroed: what cannot be read stays 0.
static __always_inline void fill_current_task(struct task_identity* out) {
    struct task_struct* task = bpf_get_current_task_btf();
    fill_process(out, task);
    fill_cgroup(out, task);
}
