// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipsec.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {

namespace {

constexpr std::size_t kNetlinkBytes = 4U << 20U;

// The second column of a line of /proc/net/netlink (net/netlink/af_netlink.c,
// netlink_native_seq_show); -1 in the heading. Asked every second, so no streams.
int protocol_of(std::string_view line) {
    const auto rest = line.substr(std::min(line.size(), line.find(' ')));
    const auto digits = rest.substr(std::min(rest.size(), rest.find_first_not_of(' ')));
    int protocol = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), protocol);
    return protocol;
}

// Whether anybody could have made a state: one of the two ways in is there. Asking for it would
// load the module.
bool has_a_way_in() {
    std::error_code ignored;
    if (std::filesystem::exists("/proc/net/pfkey", ignored)) return true;
    const auto sockets = read_file("/proc/net/netlink", kNetlinkBytes);
    if (!sockets) return true;
    for (const auto line : split(*sockets, '\n'))
        if (protocol_of(line) == NETLINK_XFRM) return true;
    return false;
}

// None: it cannot be told.
std::optional<bool> has_states() {
    bool any = false;
    const auto request = [](nlmsghdr* header) {
        header->nlmsg_type = XFRM_MSG_GETSA;
        mnl_nlmsg_put_extra_header(header, sizeof(xfrm_usersa_id));
    };
    const auto dumped = netlink_dump(
        NETLINK_XFRM, request, [&](const nlmsghdr*) { any = true; }, [&] { any = false; });
    return dumped ? std::optional(any) : std::nullopt;
}

}  // namespace

bool IpsecWatch::in_use() {
    if (!changes_ && !has_a_way_in()) return false;
    // Before the states are listed, so that none is missed.
    if (!changes_) {
        known_.reset();
        if (auto opened = NetworkMonitor::open_ipsec()) changes_.emplace(std::move(*opened));
    }
    if (!known_ || changes_->drain()) known_ = has_states();
    return known_.value_or(true);
}

}  // namespace portlid::kernel
