// SPDX-License-Identifier: Apache-2.0
#include "support/random_host.hpp"

#include <algorithm>

namespace portlid::test {

namespace {

using Network = ReferenceHost::Network;
using Flow = ReferenceHost::Flow;

IpAddress address(const std::string& text) {
    return *IpAddress::parse(text);
}

void add_networks(Dice& dice, ReferenceHost& host) {
    using Kind = Network::Kind;
    const auto add = [&](const char* prefix, Kind kind) {
        host.networks.push_back({*Cidr::parse(prefix), kind});
    };
    add("192.0.2.0/24", Kind::Connected);
    add("192.0.2.255/32", Kind::Broadcast);
    add("255.255.255.255/32", Kind::Broadcast);
    add("2001:db8::/64", Kind::Connected);
    add("fe80::/64", Kind::Connected);
    add("172.17.0.0/16", Kind::Container);
    add("172.30.0.0/16", Kind::Container);
    add("fd00:17::/64", Kind::Container);
    if (dice.chance(30)) add("172.30.5.0/24", Kind::Connected);
    if (dice.chance(30)) add("172.17.9.0/24", Kind::Container);
    if (dice.chance(30)) add("172.17.255.255/32", Kind::Broadcast);
    if (dice.chance(20)) add("192.0.2.64/26", Kind::Container);
}

Flow random_flow(Dice& dice, const ReferenceHost& host) {
    Flow flow;
    flow.local = dice.pick(host.own);
    const bool v4 = flow.local.family() == Family::IPv4;
    do flow.remote = address(dice.pick(some_sources(v4)));
    while (flow.remote.family() != flow.local.family());
    flow.protocol = dice.pick({6U, 17U, 17U, v4 ? 1U : 58U, 47U, 50U});
    if (flow.protocol == 6 || flow.protocol == 17) {
        flow.local_port = dice.chance(50) ? some_port(dice) : dice.between(30000, 30003);
        flow.remote_port = some_port(dice);
    } else if (flow.protocol != 47 && flow.protocol != 50) {
        flow.local_port = dice.between(76, 79);
    }
    // Far from both limits (60 s for echoes, 300 s): a run may take a while.
    flow.idle_seconds = dice.pick({0U, 0U, 0U, 20U, 90U, 200U, 400U});
    return flow;
}

void add_random_bans(Dice& dice, ReferenceHost& host) {
    if (dice.chance(60)) return;
    const auto count = dice.between(1, 4);
    for (unsigned i = 0; i < count; ++i) {
        const bool v4 = dice.chance(60);
        const auto bits =
            dice.chance(50) ? (v4 ? 32 : 128) : dice.between(v4 ? 0 : 8, v4 ? 31 : 127);
        const auto prefix =
            Cidr::parse(dice.pick(some_sources(v4)) + "/" + std::to_string(bits), true);
        const bool known = std::any_of(host.bans.begin(), host.bans.end(),
                                       [&](const auto& ban) { return ban.source == *prefix; });
        if (!known) host.bans.push_back({*prefix, dice.chance(30)});
    }
}

// Connections of strangers to ports of ours.
void add_open_flows(Dice& dice, ReferenceHost& host) {
    const auto count = dice.below(8);
    for (unsigned i = 0; i < count; ++i) {
        const bool v4 = dice.chance(60);
        Flow flow;
        flow.local =
            address(dice.chance(80) ? (v4 ? kHostV4 : kHostV6) : dice.pick(some_destinations(v4)));
        flow.remote = address(dice.pick(some_sources(v4)));
        flow.local_port = some_port(dice);
        flow.remote_port = 40000 + i;  // so that no two are the same
        flow.protocol = 6;
        host.open_flows.push_back({flow, dice.chance(75)});
    }
}

IpAddress holder_address(Dice& dice) {
    const bool v4 = dice.chance(60);
    if (dice.chance(50)) return IpAddress::any(v4 ? Family::IPv4 : Family::IPv6);
    if (dice.chance(30)) return address(dice.pick(some_destinations(v4)));
    return address(v4 ? kHostV4 : kHostV6);
}

// Sockets on ports that some policy may have given to somebody: the owner's, another's, both; on
// few ports, so that they meet each other and the frames there.
void add_holders(Dice& dice, ReferenceHost& host) {
    const std::vector<unsigned> ports{some_port(dice), some_port(dice), some_port(dice)};
    const auto count = dice.below(14);
    for (unsigned i = 0; i < count; ++i) {
        ReferenceHost::Holder holder;
        holder.address = holder_address(dice);
        holder.v6only = holder.address == IpAddress::any(Family::IPv6) && dice.chance(50);
        holder.port = dice.chance(80) ? dice.pick(ports) : some_port(dice);
        holder.protocol = dice.chance(70) ? 6 : 17;
        for (const auto& words : some_owners())
            if (dice.chance(60)) holder.owners.push_back(words);
        host.holders.push_back(holder);
        if (dice.chance(25)) {  // another one beside it
            if (dice.chance(50)) holder.owners.clear();
            host.holders.push_back(holder);
        }
    }
}

}  // namespace

const std::vector<std::map<std::string, std::string>>& some_owners() {
    static const std::vector<std::map<std::string, std::string>> kOwners{
        {{"container", "shop-*"}}, {{"exe", "/usr/sbin/web"}, {"user", "www-data"}}};
    return kOwners;
}

ReferenceHost random_host(Dice& dice) {
    ReferenceHost host;
    for (const char* own : {kHostV4, "192.0.2.2", "10.8.0.1", "172.17.0.1", kHostV6, "fe80::1"})
        host.own.push_back(address(own));
    add_networks(dice, host);
    host.flows.push_back({address(kHostV4), address("198.18.0.1"), 30000, 53, 17, 0});
    host.flows.push_back({address(kHostV4), address("198.18.0.1"), 31000, 443, 6, 0});
    host.flows.push_back({address(kHostV4), address("198.18.0.1"), 77, 0, 1, 0});
    host.flows.push_back({address(kHostV6), address("2001:db8:2::1"), 30000, 53, 17, 0});
    host.flows.push_back({address(kHostV6), address("2001:db8:2::1"), 77, 0, 58, 0});
    const auto more = dice.below(16);
    for (unsigned i = 0; i < more; ++i) {
        const auto flow = random_flow(dice, host);
        const bool known =
            std::any_of(host.flows.begin(), host.flows.end(), [&](const Flow& other) {
                return other.local == flow.local && other.remote == flow.remote &&
                       other.local_port == flow.local_port &&
                       other.remote_port == flow.remote_port && other.protocol == flow.protocol;
            });
        if (!known) host.flows.push_back(flow);
    }
    add_random_bans(dice, host);
    add_open_flows(dice, host);
    add_holders(dice, host);
    return host;
}

const std::vector<std::string>& some_sources(bool v4) {
    static const std::vector<std::string> kV4{
        kStrangerV4, "203.0.113.70", "203.0.113.128", "198.51.100.66", "198.18.0.1",
        "10.9.8.7",  "192.0.2.77",   "172.17.0.2",    "8.8.8.8",       "240.0.0.1"};
    static const std::vector<std::string> kV6{kStrangerV6,  "2001:db8:77::5", "2001:db8:2::1",
                                              "fe80::9",    "febf::9",        "2001:db8::99",
                                              "fd00:17::2", "2a00::1"};
    return v4 ? kV4 : kV6;
}

const std::vector<std::string>& some_destinations(bool v4) {
    static const std::vector<std::string> kV4{
        kHostV4,       kHostV4,      "192.0.2.2",   "10.8.0.1",        "192.0.2.200",
        "192.0.2.255", "192.0.2.0",  "224.0.0.251", "239.255.255.250", "255.255.255.255",
        "172.17.0.1",  "172.17.0.2", "172.17.9.9",  "172.17.255.255",  "172.30.0.5",
        "172.30.5.5",  "192.0.2.70", "198.18.0.1",  "0.0.0.0",         "10.8.0.2"};
    static const std::vector<std::string> kV6{
        kHostV6,         kHostV6,   "fe80::1",        "2001:db8::77",
        "fe80::77",      "ff02::1", "ff02::1:ff00:1", "fd00:17::2",
        "2001:db8:2::1", "::",      "fe81::1",        "2001:db8:0:1::1"};
    return v4 ? kV4 : kV6;
}

unsigned some_port(Dice& dice) {
    if (dice.chance(10)) return dice.below(65536);
    return dice.pick({22U,   22U,   23U,   53U,   67U,    68U,    80U,   443U,
                      443U,  546U,  547U,  1U,    0U,     65535U, 5000U, 5010U,
                      5011U, 8080U, 9000U, 9999U, 30000U, 31000U, 40000U});
}

}  // namespace portlid::test
