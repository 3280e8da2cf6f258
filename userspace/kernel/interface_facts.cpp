// SPDX-License-Identifier: Apache-2.0
#include "kernel/interface_facts.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {

std::string interface_name(std::uint32_t ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    if (ifindex == 0 || ::if_indextoname(ifindex, name.data()) == nullptr) return {};
    return name.data();
}

std::string interface_driver(const std::string& name) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request{};
    name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    request.ifr_data = reinterpret_cast<char*>(&info);
    if (!socket.valid() || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return {};
    return std::string(fixed_text(info.driver));
}

XdpPresence query_xdp(std::uint32_t ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, found);
    if (bpf_xdp_query(static_cast<int>(ifindex), 0, &found) != 0) return {};
    if (found.drv_prog_id != 0) return {found.drv_prog_id, AttachKind::Native};
    if (found.skb_prog_id != 0) return {found.skb_prog_id, AttachKind::Generic};
    return {found.hw_prog_id != 0 ? found.hw_prog_id : found.prog_id, std::nullopt};
}

std::vector<std::uint32_t> query_tcx(std::uint32_t ifindex, Direction direction) {
    std::array<__u32, 64> ids{};
    LIBBPF_OPTS(bpf_prog_query_opts, query);
    query.prog_ids = ids.data();
    query.prog_cnt = ids.size();
    const auto type = direction == Direction::In ? kTcxIngress : kTcxEgress;
    if (bpf_prog_query_opts(static_cast<int>(ifindex), type, &query) != 0) return {};
    return {ids.begin(), ids.begin() + std::min<std::size_t>(query.prog_cnt, ids.size())};
}

}  // namespace portlid::kernel
