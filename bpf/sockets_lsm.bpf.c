// SPDX-License-Identifier: GPL-2.0-only
// Optional extras where BPF LSM is on ("bpf" in the lsm= list and not refused). Not loaded unless
// asked for: the loader tries them one by one and `status` says "unavailable" with the reason.
// Both only watch: they return what an earlier program returned, else 0.
//
// lsm/socket_bind    sees the port that bind() asks for; remembers it also for sockets that were
//                    made outside the sensor's cgroup and handed in, which cgroup/bind4 does not
//                    see
// lsm/socket_listen  sees listen() on a socket that listens already, which changes its backlog
//                    without any state transition
#include "lib/maps.h"
// after the helpers
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

// The first bytes of sockaddr_in and sockaddr_in6 alike.
struct address_start {
    __u16 family;
    __be16 port_be;
};

SEC("?lsm/socket_bind")
int BPF_PROG(lsm_bind, struct socket* socket, struct sockaddr* address, int length_bytes, int ret) {
    struct sock* sk = socket->sk;
    struct address_start start = {};
    if (ret || !sk || length_bytes < (int)sizeof(start)) return ret;
    bpf_probe_read_kernel(&start, sizeof(start), address);
    if (start.family != AF_INET && start.family != AF_INET6) return 0;
    struct bind_request* request =
        bpf_sk_storage_get(&bind_requests, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (request) request->requested_port_host = bpf_ntohs(start.port_be);
    return 0;
}

SEC("?lsm/socket_listen")
int BPF_PROG(lsm_listen, struct socket* socket, int backlog, int ret) {
    struct sock* sk = socket->sk;
    if (ret || !sk || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN) return ret;
    __u64 cookie = bpf_get_socket_cookie(sk);
    struct listener_record* record = bpf_map_lookup_elem(&listeners, &cookie);
    if (record) record->socket.backlog = backlog < 0 || backlog > 65535 ? 65535 : (__u16)backlog;
    return 0;
}
