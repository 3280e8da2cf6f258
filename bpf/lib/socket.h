// SPDX-License-Identifier: GPL-2.0-only
// A kernel socket as struct socket_identity.
#pragma once

#include "lib/maps.h"
// after the helpers
#include <bpf/bpf_core_read.h>

// IPv4 goes in v4-mapped. `out` must have been zeroed.
static __always_inline void store_v4(struct ip_bytes* out, __u32 address_be) {
    out->bytes[10] = 0xff;
    out->bytes[11] = 0xff;
    __builtin_memcpy(&out->bytes[12], &address_be, sizeof(address_be));
}

// Where `sk` lives and how it shares its port. Reads only; 0 where the read fails.
static __always_inline void fill_traits(struct socket_identity* out, const struct sock* sk) {
    const struct sock_common* common = &sk->__sk_common;
    if (BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only)) out->flags |= SOCKET_V6ONLY;
    if (BPF_CORE_READ_BITFIELD_PROBED(common, skc_reuseport)) out->flags |= SOCKET_REUSEPORT;
    out->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

// Everything but cookie and requested port. `out` must have been zeroed.
static __always_inline void fill_socket(struct socket_identity* out, const struct sock* sk) {
    out->port_host = BPF_CORE_READ(sk, __sk_common.skc_num);
    out->protocol = BPF_CORE_READ(sk, sk_protocol);
    out->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
    if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
        out->family = 6;
        BPF_CORE_READ_INTO(&out->address.bytes, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
    } else {
        out->family = 4;
        store_v4(&out->address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    }
    fill_traits(out, sk);
}

// listen() on an MPTCP socket also opens a kernel-made TCP subflow; that one is not a listener of
// its own.
static __always_inline bool is_mptcp_subflow(const struct sock* sk) {
    const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
    if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) return false;
    if (!bpf_core_field_exists(tcp->is_mptcp)) return false;
    return BPF_CORE_READ(tcp, is_mptcp);
}

static __always_inline bool is_kernel_socket(const struct sock* sk) {
    return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock);
}
