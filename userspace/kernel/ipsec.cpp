// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipsec.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <system_error>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {

namespace {

constexpr std::size_t kNetlinkBytes = 4U << 20U;

// Whether anybody could have made a state: one of the two ways in is there. Asking for it would
// load the module.
bool has_a_way_in() {
    std::error_code ignored;
    if (std::filesystem::exists("/proc/net/pfkey", ignored)) return true;
    const auto sockets = read_file("/proc/net/netlink", kNetlinkBytes);
    if (!sockets) return true;
    for (const auto line : split(*sockets, '\n')) {
        std::istringstream words{std::string(line)};
        std::string address;
        int protocol = -1;
        if (words >> address >> protocol && protocol == NETLINK_XFRM) return true;
    }
    return false;
}

}  // namespace

bool ipsec_in_use() {
    if (!has_a_way_in()) return false;
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
