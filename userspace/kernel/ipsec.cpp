// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipsec.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/unique_fd.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {

namespace {

bool kernel_has_none() {
    const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM));
    return !socket.valid() && errno == EPROTONOSUPPORT;
}

}  // namespace

bool ipsec_in_use() {
    if (kernel_has_none()) return false;
    bool any = false;
    const auto request = [](nlmsghdr* header) {
        header->nlmsg_type = XFRM_MSG_GETSA;
        mnl_nlmsg_put_extra_header(header, sizeof(xfrm_usersa_id));
    };
    const auto dumped = netlink_dump(
        NETLINK_XFRM, request, [&](const nlmsghdr*) { any = true; }, [&] { any = false; });
    return any || !dumped;
}

}  // namespace portlid::kernel
