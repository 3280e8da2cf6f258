// SPDX-License-Identifier: GPL-2.0-only
// Questions to the kernel's connection tracking.
//
//   function conntrack_xdp, conntrack_skb   called by ingress and egress; decide nothing
#include "lib/conntrack.h"

// The 12-byte form, which every kernel with the kfuncs accepts.
struct bpf_ct_opts___portlid {
    s32 netns_id;
    s32 error;
    u8 l4proto;
    u8 dir;
    u8 reserved[2];
};

extern struct nf_conn* bpf_xdp_ct_lookup(struct xdp_md*, struct bpf_sock_tuple*, u32,
                                         struct bpf_ct_opts___portlid*, u32)
__weak __ksym;
extern struct nf_conn* bpf_skb_ct_lookup(struct __sk_buff*, struct bpf_sock_tuple*, u32,
                                         struct bpf_ct_opts___portlid*, u32)
__weak __ksym;
extern void bpf_ct_release(struct nf_conn*) __weak __ksym;

// The size argument must be a constant for the verifier, hence one call a family.
#define LOOKUP(kfunc, context)                                                                  \
    (query->family == 4 ? kfunc(context, &tuple, sizeof(tuple.ipv4), &options, sizeof(options)) \
                        : kfunc(context, &tuple, sizeof(tuple.ipv6), &options, sizeof(options)))

#define DEFINE_CONNTRACK(name, context_type, kfunc)                                          \
    __noinline int name(struct context_type* context, const struct conntrack_query* query) { \
        struct bpf_ct_opts___portlid options = {.netns_id = -1};                             \
        struct bpf_sock_tuple tuple;                                                         \
        struct nf_conn* entry;                                                               \
        if (!query || !conntrack_available) return CONNTRACK_NONE;                           \
        tuple = query->tuple;                                                                \
        options.l4proto = query->protocol;                                                   \
        entry = LOOKUP(kfunc, context);                                                      \
        if (!entry) return CONNTRACK_NONE;                                                   \
        bpf_ct_release(entry);                                                               \
        return options.dir ? CONNTRACK_REPLY : CONNTRACK_ORIGINAL;                           \
    }

DEFINE_CONNTRACK(conntrack_xdp, xdp_md, bpf_xdp_ct_lookup)
DEFINE_CONNTRACK(conntrack_skb, __sk_buff, bpf_skb_ct_lookup)

char LICENSE[] SEC("license") = "GPL";
