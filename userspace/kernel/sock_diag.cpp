// SPDX-License-Identifier: Apache-2.0
#include "kernel/sock_diag.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {
namespace {

constexpr std::uint32_t kMptcp = 262;  // IPPROTO_MPTCP, too wide for the request's own field
constexpr std::uint32_t kUdpLite = 136;

constexpr std::uint32_t bit(unsigned state) {
    return 1U << state;
}
constexpr std::uint32_t kTcpConnected = bit(TCP_ESTABLISHED) | bit(TCP_SYN_SENT) |
                                        bit(TCP_FIN_WAIT1) | bit(TCP_FIN_WAIT2) |
                                        bit(TCP_CLOSE_WAIT) | bit(TCP_LAST_ACK) | bit(TCP_CLOSING);

struct Table {
    std::uint32_t protocol = 0;
    std::uint32_t states = 0;
};

// Protocols that hardly anybody uses: listing MPTCP walks the kernel's whole table of connections,
// in every namespace. True also where it cannot be told.
struct Rare {
    bool mptcp = true;
    bool udplite = true;
};

// MPTCP sockets are counted since Linux 6.3.
bool counts_mptcp() {
    utsname facts{};
    if (::uname(&facts) != 0) return false;
    int major = 0, minor = 0;
    return std::sscanf(facts.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 3));
}

// The third column is the number of sockets of this namespace (net/core/sock.c, proto_seq_printf).
// The kernel adds it up CPU by CPU, so one that moves while it is read may count as none: what was
// seen once is always asked for.
Rare rare_in_use() {
    static const bool counted = counts_mptcp();
    static std::atomic<bool> mptcp{!counted}, udplite{false};
    constexpr std::size_t kBytes = 64U << 10U;
    const auto text = read_file("/proc/thread-self/net/protocols", kBytes);
    if (!text) return {};
    for (const auto line : split(*text, '\n')) {
        auto words = split(line, ' ');
        std::erase(words, "");
        if (words.size() < 3 || words[2] == "0") continue;
        if (words[0] == "MPTCP" || words[0] == "MPTCPv6") mptcp = true;
        if (words[0] == "UDP-Lite" || words[0] == "UDPLITEv6") udplite = true;
    }
    return {mptcp, udplite};
}

std::vector<Table> tables_of(DiagWhat what) {
    if (what == DiagWhat::Listening) {
        const auto rare = rare_in_use();
        std::vector<Table> tables{{IPPROTO_TCP, bit(TCP_LISTEN)}};
        if (rare.mptcp) tables.push_back({kMptcp, bit(TCP_LISTEN)});
        tables.push_back({IPPROTO_UDP, bit(TCP_CLOSE)});
        if (rare.udplite) tables.push_back({kUdpLite, bit(TCP_CLOSE)});
        return tables;
    }
    // MPTCP's subflows stand in the TCP table.
    return {{IPPROTO_TCP, kTcpConnected},
            {IPPROTO_UDP, bit(TCP_ESTABLISHED)},
            {kUdpLite, bit(TCP_ESTABLISHED)}};
}

void put_request(nlmsghdr* header, std::uint8_t family, const Table& table) {
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    auto* request = static_cast<inet_diag_req_v2*>(
        mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
    request->sdiag_family = family;
    request->idiag_states = table.states;
    if (table.protocol <= 255) {
        request->sdiag_protocol = static_cast<std::uint8_t>(table.protocol);
        return;
    }
    request->sdiag_protocol = IPPROTO_RAW;
    mnl_attr_put_u32(header, INET_DIAG_REQ_PROTOCOL, table.protocol);
}

bool read_v6only(const nlmsghdr* message) {
    bool v6only = false;
    for_each_attribute(message, sizeof(inet_diag_msg), [&](const nlattr* attribute) {
        if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY &&
            mnl_attr_get_payload_len(attribute) >= 1)
            v6only = mnl_attr_get_u8(attribute) != 0;
    });
    return v6only;
}

IpAddress address_of(std::uint8_t family, const __be32* raw) {
    return family == AF_INET ? IpAddress::from_v4(raw) : IpAddress::from_v6(raw);
}

DiagSocket to_socket(const nlmsghdr* message, std::uint32_t protocol) {
    const auto& raw = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(message));
    const auto backlog = raw.idiag_state == TCP_LISTEN ? raw.idiag_wqueue : 0;
    return {.cookie = (std::uint64_t{raw.id.idiag_cookie[1]} << 32U) | raw.id.idiag_cookie[0],
            .inode = raw.idiag_inode,
            .uid = raw.idiag_uid,
            .protocol = protocol == kMptcp ? std::uint32_t{IPPROTO_TCP} : protocol,
            .state = raw.idiag_state,
            .family = raw.idiag_family == AF_INET ? Family::IPv4 : Family::IPv6,
            .local = address_of(raw.idiag_family, raw.id.idiag_src),
            .local_port = NetPort{raw.id.idiag_sport}.to_host(),
            .remote = address_of(raw.idiag_family, raw.id.idiag_dst),
            .remote_port = NetPort{raw.id.idiag_dport}.to_host(),
            .v6only = read_v6only(message),
            .backlog = static_cast<std::uint16_t>(std::min<std::uint32_t>(backlog, 65535))};
}

bool is_socket_message(const nlmsghdr* message) {
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        mnl_nlmsg_get_payload_len(message) < sizeof(inet_diag_msg))
        return false;
    const auto* raw = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(message));
    return raw->idiag_family == AF_INET || raw->idiag_family == AF_INET6;
}

// A kernel without the protocol (or its diag module) has no sockets of it. Kernels before MPTCP's
// diag read IPPROTO_RAW literally and say EINVAL.
bool means_no_such_protocol(const Table& table, int errno_value) {
    if (table.protocol == IPPROTO_TCP) return false;
    return errno_value == ENOENT || errno_value == EINVAL || errno_value == EOPNOTSUPP;
}

Result<std::vector<DiagSocket>> dump_table(std::uint8_t family, const Table& table) {
    std::vector<DiagSocket> sockets;
    const auto collect = [&](const nlmsghdr* message) {
        if (is_socket_message(message)) sockets.push_back(to_socket(message, table.protocol));
    };
    auto dumped = netlink_dump(
        NETLINK_SOCK_DIAG, [&](nlmsghdr* header) { put_request(header, family, table); }, collect,
        [&] { sockets.clear(); });
    if (dumped) return sockets;
    if (means_no_such_protocol(table, dumped.error().errno_value)) return std::vector<DiagSocket>{};
    return pass_on(std::move(dumped.error()), "list sockets");
}

// An MPTCP listener has a TCP subflow listener under it with the inode of its owner: one open
// port, so the owner alone is kept. `sockets` is all TCP so far, `owners` the MPTCP ones.
void hide_subflows(std::vector<DiagSocket>& sockets, const std::vector<DiagSocket>& owners) {
    std::set<std::uint64_t> inodes;
    for (const auto& owner : owners)
        if (owner.inode != 0) inodes.insert(owner.inode);
    std::erase_if(sockets, [&](const DiagSocket& socket) {
        return socket.protocol == IPPROTO_TCP && inodes.contains(socket.inode);
    });
}

}  // namespace

Result<std::vector<DiagSocket>> dump_sockets(DiagWhat what) {
    std::vector<DiagSocket> sockets;
    for (const auto& table : tables_of(what)) {
        for (const auto family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
            auto more = dump_table(family, table);
            if (!more) return pass_on(std::move(more.error()));
            if (table.protocol == kMptcp) hide_subflows(sockets, *more);
            sockets.insert(sockets.end(), more->begin(), more->end());
        }
    }
    return sockets;
}

}  // namespace portlid::kernel
