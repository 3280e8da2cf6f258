// SPDX-License-Identifier: Apache-2.0
#include "kernel/classic_tc.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace portlid::kernel {

namespace {

constexpr std::uint32_t kHandle = 0x504c;
// First in line; where a classifier of another kind has that priority, the next best.
constexpr std::array<std::uint32_t, 2> kPriorities{1, 0x504c};

bpf_tc_hook hook_of(std::uint32_t ifindex, Direction direction) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = direction == Direction::In ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return hook;
}

bpf_tc_opts options_of(std::uint32_t priority) {
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.handle = kHandle;
    options.priority = priority;
    return options;
}

bool is_our_program(std::uint32_t id) {
    const UniqueFd program(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (!program.valid() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return false;
    const auto name = fixed_text(info.name);
    return name == "ingress_tc" || name == "egress_tc";
}

struct MnlCloser {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

int count_filter(const nlmsghdr* message, void* count) {
    if (message->nlmsg_type == RTM_NEWTFILTER) ++*static_cast<unsigned*>(count);
    return MNL_CB_OK;
}

// No value when the kernel would not say.
std::optional<unsigned> count_filters(std::uint32_t ifindex, std::uint32_t parent) {
    const std::unique_ptr<mnl_socket, MnlCloser> socket(mnl_socket_open2(NETLINK_ROUTE, 0));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return std::nullopt;
    alignas(nlmsghdr) std::array<char, 16384> buffer{};
    auto* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = RTM_GETTFILTER;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    auto* body = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(tcmsg)));
    body->tcm_family = AF_UNSPEC;
    body->tcm_ifindex = static_cast<int>(ifindex);
    body->tcm_parent = parent;
    if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) return std::nullopt;
    unsigned count = 0;
    while (true) {
        const auto got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        if (got < 0) return std::nullopt;
        const int state = mnl_cb_run(buffer.data(), static_cast<std::size_t>(got), 0,
                                     mnl_socket_get_portid(socket.get()), count_filter, &count);
        if (state < 0) return std::nullopt;
        if (state == MNL_CB_STOP) return count;
    }
}

}  // namespace

std::optional<ClassicFilter> find_classic(std::uint32_t ifindex, Direction direction) {
    const auto hook = hook_of(ifindex, direction);
    for (const auto priority : kPriorities) {
        auto options = options_of(priority);
        if (bpf_tc_query(&hook, &options) == 0 && is_our_program(options.prog_id))
            return ClassicFilter{priority, options.prog_id};
    }
    return std::nullopt;
}

Result<bool> attach_classic(std::uint32_t ifindex, Direction direction, int prog_fd) {
    auto hook = hook_of(ifindex, direction);
    const int made = bpf_tc_hook_create(&hook);
    if (made != 0 && made != -EEXIST) return fail_errno("cannot add a clsact qdisc", -made);
    int error = 0;
    for (const auto priority : kPriorities) {
        auto options = options_of(priority);
        options.prog_fd = prog_fd;
        options.flags = BPF_TC_F_REPLACE;
        error = bpf_tc_attach(&hook, &options);
        if (error == 0) return made == 0;
    }
    if (made == 0) remove_unused_clsact(ifindex);
    return fail_errno("cannot add a tc filter", -error);
}

bool detach_classic(std::uint32_t ifindex, Direction direction) {
    const auto ours = find_classic(ifindex, direction);
    if (!ours) return false;
    const auto hook = hook_of(ifindex, direction);
    const auto options = options_of(ours->priority);
    return bpf_tc_detach(&hook, &options) == 0;
}

void remove_unused_clsact(std::uint32_t ifindex) {
    for (const auto parent : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
        const auto filters = count_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, parent));
        if (!filters || *filters != 0) return;
    }
    auto hook = hook_of(ifindex, Direction::In);
    hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    bpf_tc_hook_destroy(&hook);
}

}  // namespace portlid::kernel
