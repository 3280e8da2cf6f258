// SPDX-License-Identifier: GPL-2.0-only
// The kernel as far as our programs look at it: a hand-trimmed vmlinux.h, so that a build does not
// depend on the kernel it runs on. Two parts: user API (fixed layout, never relocated) and kernel
// internals (member offsets are fixed up by CO-RE when the object is loaded; only names count, so
// a struct lists just the members that we read). To read one more member, append it.
#ifndef PORTLID_VMLINUX_H
#define PORTLID_VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

// ---- user API ---------------------------------------------------------------------------------

enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_PERCPU_HASH = 5,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
    BPF_MAP_TYPE_HASH_OF_MAPS = 13,
    BPF_MAP_TYPE_SK_STORAGE = 24,
    BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_EXIST = 2,
};

enum {
    BPF_F_NO_PREALLOC = 1u << 0,
    BPF_F_RDONLY_PROG = 1u << 7,
    BPF_F_MMAPABLE = 1u << 10,
    BPF_F_INNER_MAP = 1u << 12,
};

#define BPF_F_CURRENT_NETNS (-1L)
#define BPF_SK_STORAGE_GET_F_CREATE 1

enum {
    BPF_RB_NO_WAKEUP = 1,
    BPF_RB_FORCE_WAKEUP = 2,
};

enum {
    BPF_RB_AVAIL_DATA = 0,
    BPF_RB_RING_SIZE = 1,
};

enum xdp_action {
    XDP_ABORTED = 0,
    XDP_DROP = 1,
    XDP_PASS = 2,
};

// tc verdicts: cls_bpf in direct-action mode, and tcx.
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define TCX_NEXT (-1)

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262

struct bpf_sock {
    __u32 bound_dev_if;
    __u32 family;
    __u32 type;
    __u32 protocol;
    __u32 mark;
    __u32 priority;
    __u32 src_ip4;     // network order
    __u32 src_ip6[4];  // network order
    __u32 src_port;    // host order
    __be16 dst_port;
    __u32 dst_ip4;
    __u32 dst_ip6[4];
    __u32 state;
    __s32 rx_queue_mapping;
};

struct bpf_sock_addr {
    __u32 user_family;
    __u32 user_ip4;
    __u32 user_ip6[4];
    __u32 user_port;  // network order
    __u32 family;
    __u32 type;
    __u32 protocol;
    __u32 msg_src_ip4;
    __u32 msg_src_ip6[4];
    union {
        struct bpf_sock* sk;
        __u64 sk_slot;
    };
};

struct xdp_md {
    __u32 data;
    __u32 data_end;
    __u32 data_meta;
    __u32 ingress_ifindex;
    __u32 rx_queue_index;
    __u32 egress_ifindex;
};

struct __sk_buff {
    __u32 len;
    __u32 pkt_type;
    __u32 mark;
    __u32 queue_mapping;
    __u32 protocol;
    __u32 vlan_present;
    __u32 vlan_tci;
    __u32 vlan_proto;
    __u32 priority;
    __u32 ingress_ifindex;
    __u32 ifindex;
    __u32 tc_index;
    __u32 cb[5];
    __u32 hash;
    __u32 tc_classid;
    __u32 data;
    __u32 data_end;
    __u32 napi_id;
    __u32 family;
    __u32 remote_ip4;
    __u32 local_ip4;
    __u32 remote_ip6[4];
    __u32 local_ip6[4];
    __u32 remote_port;
    __u32 local_port;
    __u32 data_meta;
};

struct bpf_spin_lock {
    __u32 val;
};

struct bpf_sock_tuple {
    union {
        struct {
            __be32 saddr;
            __be32 daddr;
            __be16 sport;
            __be16 dport;
        } ipv4;
        struct {
            __be32 saddr[4];
            __be32 daddr[4];
            __be16 sport;
            __be16 dport;
        } ipv6;
    };
};

// ---- kernel internals, relocated at load time -------------------------------------------------

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

enum {
    TCP_ESTABLISHED = 1,
    TCP_SYN_RECV = 3,
    TCP_CLOSE = 7,
    TCP_LISTEN = 10,
};

typedef struct {
    __u32 val;
} kuid_t;

struct cred {
    kuid_t uid;
};

struct kernfs_node {
    const char* name;
    __u64 id;
};

struct cgroup {
    struct kernfs_node* kn;
};

struct css_set {
    struct cgroup* dfl_cgrp;
};

struct ns_common {
    unsigned int inum;
};

struct net {
    __u64 net_cookie;
    struct ns_common ns;
};

typedef struct {
    struct net* net;
} possible_net_t;

struct nsproxy {
    struct net* net_ns;
};

struct super_block {
    unsigned int s_dev;
};

struct inode {
    struct super_block* i_sb;
    unsigned long i_ino;
};

struct file {
    struct inode* f_inode;
};

struct mm_struct {
    struct file* exe_file;
};

struct task_struct {
    struct mm_struct* mm;
    int pid;
    int tgid;
    struct task_struct* real_parent;
    struct task_struct* group_leader;
    __u64 start_boottime;
    const struct cred* cred;
    char comm[16];
    struct nsproxy* nsproxy;
    struct css_set* cgroups;
};

struct in6_addr {
    union {
        __u8 u6_addr8[16];
        __be32 u6_addr32[4];
    } in6_u;
};

struct sock_common {
    union {
        struct {
            __be32 skc_daddr;
            __be32 skc_rcv_saddr;
        };
    };
    union {
        struct {
            __be16 skc_dport;
            __u16 skc_num;
        };
    };
    unsigned short skc_family;
    volatile unsigned char skc_state;
    unsigned char skc_reuse : 4;
    unsigned char skc_reuseport : 1;
    unsigned char skc_ipv6only : 1;
    unsigned char skc_net_refcnt : 1;
    possible_net_t skc_net;
    struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
    struct sock_common __sk_common;
    __u16 sk_protocol;
    __u16 sk_type;
    __u32 sk_max_ack_backlog;
    __u8 sk_kern_sock : 1;
};

struct socket {
    struct sock* sk;
};

struct tcp_sock {
    bool is_mptcp;
};

struct nf_conn {
    unsigned long status;
};

#pragma clang attribute pop

#endif
