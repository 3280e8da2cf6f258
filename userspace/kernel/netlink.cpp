// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink.hpp"

#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <cerrno>
#include <cstring>

#include "abi/maps.h"
#include "kernel/link_facts.hpp"
#include "kernel/netlink_dump.hpp"

namespace portlid::kernel {
namespace {

// Attributes as the kernel sends them; lengths are checked all the same.
std::uint32_t u32_of(const nlattr* attribute) {
    return mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute) : 0;
}
std::string text_of(const nlattr* attribute) {
    const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
    return {text, ::strnlen(text, mnl_attr_get_payload_len(attribute))};
}
std::optional<IpAddress> address_in(const nlattr* attribute) {
    const void* bytes = mnl_attr_get_payload(attribute);
    if (mnl_attr_get_payload_len(attribute) == 4) return IpAddress::from_v4(bytes);
    if (mnl_attr_get_payload_len(attribute) == 16) return IpAddress::from_v6(bytes);
    return std::nullopt;
}
// The prefix with its host bits cleared.
Cidr prefix_of(const IpAddress& address, std::uint8_t bits) {
    const Cidr whole{address, bits};
    return Cidr::parse(whole.address.to_string() + "/" + std::to_string(bits), true)
        .value_or(whole);
}

template <class Header, class Handle>
Result<> dump(std::uint16_t type, std::uint8_t family, const Handle& handle,
              const std::function<void()>& restart) {
    const auto ask = [&](nlmsghdr* header) {
        header->nlmsg_type = type;
        auto* body = mnl_nlmsg_put_extra_header(header, sizeof(Header));
        std::memcpy(body, &family, sizeof(family));  // every rtnetlink header begins with it
    };
    const auto take = [&](const nlmsghdr* message) {
        if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return;
        handle(message, *static_cast<const Header*>(mnl_nlmsg_get_payload(message)));
    };
    return netlink_dump(NETLINK_ROUTE, ask, take, restart);
}

// ---- links ------------------------------------------------------------------------------------

void read_link_info(const nlattr* info, Interface& link) {
    for_each_nested(info, [&](const nlattr* attribute) {
        const auto type = mnl_attr_get_type(attribute);
        if (type == IFLA_INFO_KIND) link.kind = text_of(attribute);
        if (type == IFLA_INFO_SLAVE_KIND) link.master_is_bridge = text_of(attribute) == "bridge";
    });
}

void read_link_attribute(const nlattr* attribute, Interface& link) {
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            link.name = text_of(attribute);
            break;
        case IFLA_ADDRESS:
            if (mnl_attr_get_payload_len(attribute) == link.mac.size())
                std::memcpy(link.mac.data(), mnl_attr_get_payload(attribute), link.mac.size());
            break;
        case IFLA_MASTER:
            link.master = u32_of(attribute);
            break;
        case IFLA_LINK:
            link.lower = u32_of(attribute);
            break;
        case IFLA_LINKINFO:
            read_link_info(attribute, link);
            break;
        default:
            break;
    }
}

Interface to_interface(const nlmsghdr* message, const ifinfomsg& header) {
    Interface link;
    link.ifindex = static_cast<std::uint32_t>(header.ifi_index);
    link.type = header.ifi_type;
    link.up = (header.ifi_flags & IFF_UP) != 0;
    link.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
    link.ethernet = header.ifi_type == ARPHRD_ETHER;
    bool lower_is_elsewhere = false;  // an index of another namespace
    for_each_attribute(message, sizeof(ifinfomsg), [&](const nlattr* attribute) {
        read_link_attribute(attribute, link);
        lower_is_elsewhere |= mnl_attr_get_type(attribute) == IFLA_LINK_NETNSID;
    });
    if (lower_is_elsewhere) link.lower = 0;
    link.engine_bridge = is_engine_bridge(link.kind, link.name);
    return link;
}

Result<> read_links(NetworkState& state) {
    const auto take = [&](const nlmsghdr* message, const ifinfomsg& header) {
        if (message->nlmsg_type != RTM_NEWLINK) return;
        const Interface link = to_interface(message, header);
        state.interfaces[link.ifindex] = link;
    };
    auto done = dump<ifinfomsg>(RTM_GETLINK, AF_UNSPEC, take, [&] { state.interfaces.clear(); });
    if (!done) return pass_on(std::move(done.error()), "list interfaces");
    for (auto& [index, link] : state.interfaces) {
        link.hardware = is_hardware(link);
        const auto master = state.interfaces.find(link.master);
        if (master != state.interfaces.end() && master->second.kind == "bridge")
            link.master_is_bridge = true;
    }
    return {};
}

// ---- addresses and routes ---------------------------------------------------------------------

// What one prefix means; where two interfaces claim it, the stricter reading stays.
void add_network(NetworkState& state, const Cidr& prefix, std::uint32_t meaning) {
    auto& now = state.networks[prefix];
    if (now == 0 || meaning == NETWORK_CONTAINER) now = meaning;
}

void add_on_link(NetworkState& state, const Interface& link, const Cidr& prefix) {
    const bool host_only = prefix.mapped_bits() == 128;
    if (link.loopback || host_only) return;
    if (link.engine_bridge)
        add_network(state, prefix, NETWORK_CONTAINER);
    else if (!is_machine_bridge(state.interfaces, link))
        add_network(state, prefix, NETWORK_CONNECTED);
}

void add_broadcast(NetworkState& state, const Interface& link, const IpAddress& address) {
    if (!link.engine_bridge && !link.loopback)
        state.networks[prefix_of(address, 32)] = NETWORK_BROADCAST;
}

struct AddressFacts {
    std::optional<IpAddress> local;
    std::optional<IpAddress> prefix;  // of a point-to-point link: the peer's
    std::optional<IpAddress> broadcast;
};

AddressFacts address_facts(const nlmsghdr* message) {
    AddressFacts facts;
    for_each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr* attribute) {
        const auto type = mnl_attr_get_type(attribute);
        if (type == IFA_LOCAL) facts.local = address_in(attribute);
        if (type == IFA_ADDRESS) facts.prefix = address_in(attribute);
        if (type == IFA_BROADCAST) facts.broadcast = address_in(attribute);
    });
    if (!facts.local) facts.local = facts.prefix;
    if (!facts.prefix) facts.prefix = facts.local;
    return facts;
}

struct AddressEntry {
    std::uint32_t ifindex = 0;
    std::uint8_t bits = 0;
    AddressFacts facts;
};

Result<> read_addresses(NetworkState& state) {
    std::vector<AddressEntry> entries;
    const auto take = [&](const nlmsghdr* message, const ifaddrmsg& header) {
        if (message->nlmsg_type == RTM_NEWADDR)
            entries.push_back({header.ifa_index, header.ifa_prefixlen, address_facts(message)});
    };
    auto done = dump<ifaddrmsg>(RTM_GETADDR, AF_UNSPEC, take, [&] { entries.clear(); });
    if (!done) return pass_on(std::move(done.error()), "list addresses");
    for (const auto& entry : entries) {
        if (entry.facts.local) state.own.insert(*entry.facts.local);
        const auto link = state.interfaces.find(entry.ifindex);
        if (link == state.interfaces.end() || !entry.facts.prefix) continue;
        if (entry.facts.local) link->second.addresses.push_back(*entry.facts.local);
        add_on_link(state, link->second, prefix_of(*entry.facts.prefix, entry.bits));
        if (entry.facts.broadcast) add_broadcast(state, link->second, *entry.facts.broadcast);
    }
    return {};
}

struct RouteFacts {
    std::uint8_t type = 0;  // RTN_*
    std::uint8_t bits = 0;
    std::optional<IpAddress> destination;
    std::vector<std::uint32_t> through;  // ifindexes
    std::optional<IpAddress> gateway;
};

void read_next_hops(const nlattr* attribute, RouteFacts& route) {
    std::size_t left = mnl_attr_get_payload_len(attribute);
    const auto* at = static_cast<const char*>(mnl_attr_get_payload(attribute));
    while (left >= sizeof(rtnexthop)) {
        rtnexthop hop;
        std::memcpy(&hop, at, sizeof(hop));
        const std::size_t step = RTNH_ALIGN(hop.rtnh_len);
        if (hop.rtnh_len < sizeof(hop) || step > left) return;
        route.through.push_back(static_cast<std::uint32_t>(hop.rtnh_ifindex));
        at += step;
        left -= step;
    }
}

RouteFacts route_facts(const nlmsghdr* message, const rtmsg& header) {
    RouteFacts route{.type = header.rtm_type, .bits = header.rtm_dst_len};
    for_each_attribute(message, sizeof(rtmsg), [&](const nlattr* attribute) {
        const auto type = mnl_attr_get_type(attribute);
        if (type == RTA_DST) route.destination = address_in(attribute);
        if (type == RTA_GATEWAY) route.gateway = address_in(attribute);
        if (type == RTA_OIF) route.through.push_back(u32_of(attribute));
        if (type == RTA_MULTIPATH) read_next_hops(attribute, route);
    });
    return route;
}

// "local" routes are addresses of this host without being on an interface (anycast, AnyIP).
void apply_local(NetworkState& state, const RouteFacts& route, const Interface& link) {
    if (!route.destination) return;
    const Cidr prefix = prefix_of(*route.destination, route.bits);
    if (prefix.mapped_bits() == 128)
        state.own.insert(*route.destination);
    else if (!(link.loopback && prefix.address.is_loopback()))
        add_network(state, prefix, NETWORK_CONNECTED);
}

void apply_route(NetworkState& state, const RouteFacts& route) {
    for (const auto ifindex : route.through) {
        const auto found = state.interfaces.find(ifindex);
        if (found == state.interfaces.end()) continue;
        Interface& link = found->second;
        if (route.type == RTN_LOCAL || route.type == RTN_ANYCAST) apply_local(state, route, link);
        if (route.type == RTN_BROADCAST && route.destination)
            add_broadcast(state, link, *route.destination);
        if (route.type != RTN_UNICAST) continue;
        if (route.bits == 0) {
            link.default_route = true;
            if (route.gateway) link.gateways.push_back(*route.gateway);
        } else if (link.engine_bridge && route.destination)
            add_network(state, prefix_of(*route.destination, route.bits), NETWORK_CONTAINER);
    }
}

Result<> read_routes(NetworkState& state, std::uint8_t family) {
    // Kept until the dump is whole; a full table of routes is not, only those that say something.
    std::vector<RouteFacts> routes;
    const auto matters = [&](const RouteFacts& route) {
        if (route.type != RTN_UNICAST || route.bits == 0) return true;
        for (const auto ifindex : route.through) {
            const auto link = state.interfaces.find(ifindex);
            if (link != state.interfaces.end() && link->second.engine_bridge) return true;
        }
        return false;
    };
    const auto take = [&](const nlmsghdr* message, const rtmsg& header) {
        if (message->nlmsg_type != RTM_NEWROUTE) return;
        auto route = route_facts(message, header);
        if (matters(route)) routes.push_back(std::move(route));
    };
    auto done = dump<rtmsg>(RTM_GETROUTE, family, take, [&] { routes.clear(); });
    if (!done) return pass_on(std::move(done.error()), "list routes");
    for (const auto& route : routes) apply_route(state, route);
    return {};
}

}  // namespace

Result<NetworkState> read_network_state() {
    NetworkState state;
    if (auto done = read_links(state); !done) return pass_on(std::move(done.error()));
    if (auto done = read_addresses(state); !done) return pass_on(std::move(done.error()));
    for (const auto family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}})
        if (auto done = read_routes(state, family); !done) return pass_on(std::move(done.error()));
    const IpAddress everybody = IpAddress::from_v4("\xff\xff\xff\xff");
    state.networks[Cidr{everybody, 32}] = NETWORK_BROADCAST;
    return state;
}

Result<NetworkMonitor> NetworkMonitor::open() {
    return open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                   RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
}

Result<NetworkMonitor> NetworkMonitor::open_ipsec() {
    return open(NETLINK_XFRM, XFRMGRP_SA | XFRMGRP_EXPIRE);
}

Result<NetworkMonitor> NetworkMonitor::open(int protocol, std::uint32_t groups) {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!socket.valid()) return fail_errno("open netlink monitor", errno);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return fail_errno("bind netlink monitor", errno);
    return NetworkMonitor(std::move(socket));
}

bool NetworkMonitor::drain() {
    bool changed = false;
    std::array<char, 8192> buffer{};
    while (true) {
        // Only that something came matters, so cut messages do no harm.
        const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno != ENOBUFS) return changed;
        changed = true;
        if (length == 0) return changed;
    }
}

}  // namespace portlid::kernel
