// SPDX-License-Identifier: GPL-2.0-only
// `binds:`, decided at bind4 and bind6: may the task that runs now bind this port? Everything it
// asks is in maps that userspace keeps, so an unknown task gets what unknown tasks get.
#pragma once

#include "lib/owner_slots.h"
// after the helpers
#include <bpf/bpf_core_read.h>

static __always_inline __u64 rules_of(__u32 kind, __u64 id, __u32 device) {
    struct bind_who_key key = {.id = id, .device = device, .kind = kind};
    __u64* rules = bpf_map_lookup_elem(&bind_who, &key);
    return rules ? *rules : 0;
}

// A container or unit is the cgroup it was given and all below it.
static __always_inline __u64 rules_of_cgroups(void) {
    __u64 rules = 0;
    for (int level = 1; level <= (int)BIND_ANCESTORS; level++) {
        __u64 id = bpf_get_current_ancestor_cgroup_id(level);
        if (!id) break;
        rules |= rules_of(BIND_BY_CGROUP, id, 0);
    }
    return rules;
}

static __always_inline __u64 rules_of_user(void) {
    return rules_of(BIND_BY_USER, (__u32)bpf_get_current_uid_gid(), 0);
}

// The file itself, so that a mount namespace in which another file has its path changes nothing.
static __always_inline __u64 rules_of_program(void) {
    struct task_struct* task = (struct task_struct*)bpf_get_current_task();
    struct inode* inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
    if (!inode) return 0;
    return rules_of(BIND_BY_PROGRAM, BPF_CORE_READ(inode, i_ino),
                    BPF_CORE_READ(inode, i_sb, s_dev));
}

static __always_inline __u64 rules_of_port(int is_udp, __u16 port_host) {
    __u32 index = BIND_PORT_ENTRY(is_udp, port_host), set;
    struct bind_port_entry* entry = bpf_map_lookup_elem(&bind_ports, &index);
    __u64* rules;
    if (!entry) return 0;
    set = entry->set[port_host & (BIND_PORTS_PER_ENTRY - 1)];
    rules = set ? bpf_map_lookup_elem(&bind_sets, &set) : 0;
    return rules ? *rules : 0;
}

// Each rule of the port that the task fits in everything the rule asks for.
static __always_inline __u64 fitting_rules(const struct bind_settings* settings, __u64 rules) {
    if (rules & settings->needs_user) rules &= ~settings->needs_user | rules_of_user();
    if (rules & settings->needs_program) rules &= ~settings->needs_program | rules_of_program();
    if (rules & settings->needs_cgroup) rules &= ~settings->needs_cgroup | rules_of_cgroups();
    return rules;
}

// BINDS_*: what becomes of a bind() to `port_host` in `netns_cookie`. Port 0 is the kernel's choice
// and never refused; so is everything that is neither TCP nor UDP, and every other namespace.
static __always_inline __u32 bind_outcome(__u64 netns_cookie, __u32 protocol, __u16 port_host) {
    __u32 zero = 0;
    struct bind_settings* settings = bpf_map_lookup_elem(&bind_settings, &zero);
    int is_udp = protocol == IPPROTO_UDP;
    if (!settings || settings->mode == BINDS_RECORD || !port_host) return BINDS_RECORD;
    if (!is_udp && protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) return BINDS_RECORD;
    if (netns_cookie != sensor_netns_cookie) return BINDS_RECORD;
    if (fitting_rules(settings, rules_of_port(is_udp, port_host))) return BINDS_RECORD;
    return settings->mode;
}
