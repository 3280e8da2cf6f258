// SPDX-License-Identifier: Apache-2.0
#include "kernel/vlan_offload.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace portlid::kernel {

std::optional<bool> strips_vlan_tags(const std::string& interface) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value flags{};
    flags.cmd = ETHTOOL_GFLAGS;
    ifreq request{};
    interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    request.ifr_data = reinterpret_cast<char*>(&flags);
    if (!socket.valid() || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return std::nullopt;
    return (flags.data & ETH_FLAG_RXVLAN) != 0;
}

}  // namespace portlid::kernel
