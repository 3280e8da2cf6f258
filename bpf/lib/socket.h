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

// What is read of a socket is read by plain loads where the verifier knows that it is one: they
// give 0 where they would fault, and cost a tenth of a helper call.
struct sock_traits {
    __u64 netns_cookie;
    __u32 netns;  // inode
    __u8 v6only;
    __u8 reuseport;
    __u8 is_kernels;
};

static __always_inline void read_traits(struct sock_traits* out, const struct sock* sk) {
    const struct sock_common* common = &sk->__sk_common;
    const struct net* net = common->skc_net.net;
    out->netns_cookie = net->net_cookie;
    out->netns = net->ns.inum;
    out->v6only = BPF_CORE_READ_BITFIELD(common, skc_ipv6only);
    out->reuseport = BPF_CORE_READ_BITFIELD(common, skc_reuseport);
    out->is_kernels = BPF_CORE_READ_BITFIELD(sk, sk_kern_sock);
}

// The same where it does not know.
static __always_inline void probe_traits(struct sock_traits* out, const struct sock* sk) {
    const struct sock_common* common = &sk->__sk_common;
    out->netns_cookie = BPF_CORE_READ(common, skc_net.net, net_cookie);
    out->netns = BPF_CORE_READ(common, skc_net.net, ns.inum);
    out->v6only = BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
    out->reuseport = BPF_CORE_READ_BITFIELD_PROBED(common, skc_reuseport);
    out->is_kernels = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock);
}

static __always_inline void set_traits(struct socket_identity* out,
                                       const struct sock_traits* traits) {
    if (traits->v6only) out->flags |= SOCKET_V6ONLY;
    if (traits->reuseport) out->flags |= SOCKET_REUSEPORT;
    out->netns = traits->netns;
}

static __always_inline void copy_v6_address(struct ip_bytes* out,
                                            const struct sock_common* common) {
    // A load must not go over the end of an element.
    const __u32* from = common->skc_v6_rcv_saddr.in6_u.u6_addr32;
    __u32 words[4] = {from[0], from[1], from[2], from[3]};
    __builtin_memcpy(out->bytes, words, sizeof(words));
}

// Everything but cookie and requested port, of a socket that the verifier knows. `out` must have
// been zeroed.
static __always_inline void fill_socket(struct socket_identity* out, const struct sock* sk) {
    const struct sock_common* common = &sk->__sk_common;
    struct sock_traits traits;
    read_traits(&traits, sk);
    out->port_host = common->skc_num;
    out->protocol = sk->sk_protocol;
    out->netns_cookie = traits.netns_cookie;
    if (common->skc_family == AF_INET6) {
        out->family = 6;
        copy_v6_address(&out->address, common);
    } else {
        out->family = 4;
        store_v4(&out->address, common->skc_rcv_saddr);
    }
    set_traits(out, &traits);
}

// listen() on an MPTCP socket also opens a kernel-made TCP subflow; that one is not a listener of
// its own.
static __always_inline bool is_mptcp_subflow(const struct sock* sk) {
    const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
    if (sk->sk_protocol != IPPROTO_TCP) return false;
    if (!bpf_core_field_exists(tcp->is_mptcp)) return false;
    return BPF_CORE_READ(tcp, is_mptcp);
}
