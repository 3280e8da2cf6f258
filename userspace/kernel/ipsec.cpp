// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipsec.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {

namespace {

// Whether anybody could have made a state: one of the two ways in is there. Asking for it would
// load the module.
bool has_a_way_in() {
    std::error_code ignored;
    if (std::filesystem::exists("/proc/net/pfkey", ignored)) return true;
    std::ifstream sockets("/proc/net/netlink");
    if (!sockets) return true;
    std::string line;
    while (std::getline(sockets, line)) {
        std::istringstream words(line);
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
