// SPDX-License-Identifier: GPL-2.0-only
// Who opens and closes ports. Observes, but for bind4 and bind6 under `binds: refuse`, which return
// 0 (EPERM) for what no rule allows. Everything else returns 1, and nothing ever sets bit 1 of a
// bind's result (that would lift the privileged-port check).
//
// cgroup/bind4, bind6            sees the port that was asked for, before the kernel chooses;
//                                remembers with the socket that none was; may refuse the bind
//                                (EVENT_refused) before anything has happened, so that nothing
//                                is left over
// cgroup/post_bind4, post_bind6  sees a bind() that succeeded: EVENT_bind, listeners (BOUND)
// tp_btf/inet_sock_set_state     sees CLOSE -> LISTEN, in listen(), process context: EVENT_listen,
//                                listeners (LISTENING); LISTEN -> CLOSE: EVENT_close. Every other
//                                transition (10 -> 3 runs in softirq in the client's task) is none
//                                of our business and never touches an owner
// cgroup/sock_release            sees a socket's last descriptor go: EVENT_close if it was recorded
//
// What no hook here sees: autobind of UDP clients, raw and packet sockets, the port of a listen()
// without bind() (it is chosen after the transition). The sweep finds those.
#include "lib/maps.h"
// after the helpers
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "lib/bind_rules.h"
#include "lib/emit.h"
#include "lib/owner_slots.h"
#include "lib/socket.h"
#include "lib/task.h"

char LICENSE[] SEC("license") = "GPL";

// Set before load. Listen events are taken only from tasks below this cgroup (an ancestor at this
// level); 0 = from everybody. The cgroup hooks need no filter: they are attached there.
const volatile __u64 sensor_cgroup_id = 0;
const volatile __u32 sensor_cgroup_level = 0;

// The kernel can be told that a context is a struct sock (6.2). Set before load.
const volatile __u8 cast_available = 0;
extern void* bpf_rdonly_cast(const void* object, __u32 btf_id) __weak __ksym;

static __always_inline bool current_is_watched(void) {
    if (!sensor_cgroup_id) return true;
    return bpf_get_current_ancestor_cgroup_id((int)sensor_cgroup_level) == sensor_cgroup_id;
}

static __always_inline void remember(const struct listener_record* record) {
    struct listener_record* known = bpf_map_lookup_elem(&listeners, &record->socket.cookie);
    // In its place, which costs a third: nobody looks at it before the socket is released.
    if (known)
        *known = *record;
    else if (bpf_map_update_elem(&listeners, &record->socket.cookie, record, BPF_ANY))
        count_health(HEALTH_listeners_full);
}

static __always_inline void emit_socket_waking(enum event_kind kind,
                                               const struct listener_record* record, __u64 boot_ns,
                                               int wake) {
    struct socket_event* event = event_reserve(&socket_events, kind, sizeof(*event), boot_ns);
    if (!event) return;
    event->socket = record->socket;
    event->task = record->task;
    // Somebody waits for a proof: not for the next look at the ring.
    if (wake)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    else
        event_submit(&socket_events, SOCKET_EVENTS_BYTES, event);
}

static __always_inline void emit_socket(enum event_kind kind, const struct listener_record* record,
                                        __u64 boot_ns) {
    emit_socket_waking(kind, record, boot_ns, 0);
}

// A close names whoever opened the socket: the closer may be any holder, or nobody.
static __always_inline void close_recorded(__u64 cookie) {
    struct listener_record* record = bpf_map_lookup_elem(&listeners, &cookie);
    release_port(cookie);
    if (!record) return;
    emit_socket(EVENT_close, record, bpf_ktime_get_boot_ns());
    bpf_map_delete_elem(&listeners, &cookie);
}

// Without an entry the port counts as asked for, so only a bind() to port 0 makes one (which costs
// more than the rest of the hook); a later bind() to a port of its choice corrects it.
static __always_inline void remember_request(struct bpf_sock_addr* ctx) {
    if (!ctx->sk) return;
    const __u32 port_be = ctx->user_port;
    struct bind_request* request =
        port_be ? bpf_sk_storage_get(&bind_requests, ctx->sk, 0, 0)
                : bpf_sk_storage_get(&bind_requests, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (request) request->requested_port_host = bpf_ntohs((__be16)port_be);
}

static __always_inline void refuse_bind(struct bpf_sock_addr* ctx, __u32 outcome,
                                        struct listener_record* record) {
    record->socket.cookie = bpf_get_socket_cookie(ctx);
    record->socket.netns_cookie = bpf_get_netns_cookie(ctx);
    record->socket.protocol = ctx->protocol;
    record->socket.port_host = bpf_ntohs((__be16)ctx->user_port);
    record->socket.requested_port_host = record->socket.port_host;
    record->socket.flags = outcome == BINDS_REFUSE ? 0 : SOCKET_WOULD_REFUSE;
    fill_current_task(&record->task);
    emit_socket(EVENT_refused, record, bpf_ktime_get_boot_ns());
}

static __always_inline __u32 outcome_of(struct bpf_sock_addr* ctx) {
    return bind_outcome(bpf_get_netns_cookie(ctx), ctx->protocol,
                        bpf_ntohs((__be16)ctx->user_port));
}

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr* ctx) {
    __u32 outcome = outcome_of(ctx);
    if (outcome != BINDS_RECORD) {
        struct listener_record record = {};
        record.socket.family = 4;
        store_v4(&record.socket.address, ctx->user_ip4);
        refuse_bind(ctx, outcome, &record);
        if (outcome == BINDS_REFUSE) return 0;
    }
    remember_request(ctx);
    return 1;
}

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr* ctx) {
    __u32 outcome = outcome_of(ctx);
    if (outcome != BINDS_RECORD) {
        struct listener_record record = {};
        __u32 words[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
        record.socket.family = 6;
        __builtin_memcpy(&record.socket.address, words, sizeof(words));
        refuse_bind(ctx, outcome, &record);
        if (outcome == BINDS_REFUSE) return 0;
    }
    remember_request(ctx);
    return 1;
}

// A cgroup socket program's context is the struct sock itself at run time, which no documentation
// promises; so nothing is believed unless the namespace cookie it leads to is the helper's.
//
// Returns false when the record should not be kept: kernel sockets (tunnels, MPTCP subflows) are
// never released through the hook that would remove it.
static __always_inline bool fill_hidden(struct listener_record* record, struct bpf_sock* ctx) {
    struct sock_traits traits;
    if (cast_available)
        read_traits(&traits, bpf_rdonly_cast(ctx, bpf_core_type_id_kernel(struct sock)));
    else
        probe_traits(&traits, (const struct sock*)ctx);
    if (traits.netns_cookie != record->socket.netns_cookie) return true;
    set_traits(&record->socket, &traits);
    return !traits.is_kernels;
}

static __always_inline __u16 requested_port(void* sk, __u16 port_host) {
    struct bind_request* request = bpf_sk_storage_get(&bind_requests, sk, 0, 0);
    return request ? (__u16)request->requested_port_host : port_host;
}

static __always_inline void bound(struct bpf_sock* ctx, struct listener_record* record) {
    // Read once: the verifier refuses a context pointer that the compiler has moved.
    const __u16 port_host = (__u16) * (volatile __u32*)&ctx->src_port;
    record->socket.cookie = bpf_get_socket_cookie(ctx);
    record->socket.netns_cookie = bpf_get_netns_cookie(ctx);
    record->socket.protocol = ctx->protocol;
    record->socket.port_host = port_host;
    record->socket.requested_port_host = requested_port(ctx, port_host);
    record->socket.flags = SOCKET_BOUND;
    record->since_boot_ns = bpf_ktime_get_boot_ns();
    record->state = LISTENER_BOUND;
    bool keep = fill_hidden(record, ctx);
    fill_current_task(&record->task);
    if (keep) remember(record);
    // A bound TCP socket receives nothing before it listens.
    int wanted = ctx->protocol == IPPROTO_UDP && keep && socket_arrived(&record->socket);
    emit_socket_waking(EVENT_bind, record, record->since_boot_ns, wanted);
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock* ctx) {
    struct listener_record record = {};
    record.socket.family = 4;
    store_v4(&record.socket.address, ctx->src_ip4);
    bound(ctx, &record);
    return 1;
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock* ctx) {
    struct listener_record record = {};
    record.socket.family = 6;
    // One word at a time: the context allows no other access.
    __u32 words[4] = {ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]};
    __builtin_memcpy(&record.socket.address, words, sizeof(words));
    bound(ctx, &record);
    return 1;
}

// The port that bind() asked for; 0 when there was no bind(). A request may also be left over from
// a bind() that failed: then the socket has no port yet.
static __always_inline __u16 requested_before_listen(struct sock* sk, __u16 port_host) {
    return port_host ? requested_port(sk, port_host) : 0;
}

static __always_inline void started_listening(struct sock* sk) {
    __u64 cookie = bpf_get_socket_cookie(sk);
    if (is_mptcp_subflow(sk)) return;
    struct listener_record record = {};
    fill_socket(&record.socket, sk);
    record.socket.cookie = cookie;
    record.socket.requested_port_host = requested_before_listen(sk, record.socket.port_host);
    if (record.socket.port_host) record.socket.flags |= SOCKET_BOUND;
    __u32 backlog = sk->sk_max_ack_backlog;
    record.socket.backlog = backlog > 65535 ? 65535 : (__u16)backlog;
    record.since_boot_ns = bpf_ktime_get_boot_ns();
    record.state = LISTENER_LISTENING;
    fill_current_task(&record.task);
    remember(&record);
    emit_socket_waking(EVENT_listen, &record, record.since_boot_ns, socket_arrived(&record.socket));
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_set_state, struct sock* sk, int old_state, int new_state) {
    if (old_state == TCP_CLOSE && new_state == TCP_LISTEN) {
        if (current_is_watched()) started_listening(sk);
    } else if (old_state == TCP_LISTEN && new_state == TCP_CLOSE) {
        close_recorded(bpf_get_socket_cookie(sk));
    }
    return 0;
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock* ctx) {
    close_recorded(bpf_get_socket_cookie(ctx));
    return 1;
}
