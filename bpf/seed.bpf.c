// SPDX-License-Identifier: GPL-2.0-only
// Flows that were open before the sensor, written by the same code that egress uses: userspace
// could not take a place in a bucket without disturbing a writer on another CPU.
//
//   syscall   seed_flow   context: struct flow_seed; 0 = the flow is in the table
//   syscall   seed_port   context: struct port_seed; its bit in used_ports is set
#include "lib/flow.h"

SEC("syscall")
int seed_flow(struct flow_seed* seed) {
    struct flow_key key = seed->key;
    __u64 now = bpf_ktime_get_ns();  // tick_now_ns() is not for programs of this type
    __u64 age = (__u64)seed->age_s * SECOND_NS;
    __u64 tag = flow_tag_of(&key);
    if (!tag) return 1;
    // One that egress wrote meanwhile is fresher.
    if (flow_is_known(tag)) return 0;
    use_port(key.protocol, key.local_port_host);
    return flow_store(tag, now > age ? now - age : 0, 0) == FLOW_TABLE_FULL;
}

SEC("syscall")
int seed_port(struct port_seed* seed) {
    use_port(seed->protocol, seed->port_host);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
