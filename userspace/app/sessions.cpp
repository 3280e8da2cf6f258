// SPDX-License-Identifier: Apache-2.0
#include "app/sessions.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "identity/process.hpp"
#include "kernel/sock_diag.hpp"

namespace portlid::app {

namespace {

constexpr HostPort kSshPort{22};

std::vector<HostPort> find_ssh_ports(Observer* observer) {
    std::vector<HostPort> ports{kSshPort};
    if (observer == nullptr) return ports;
    for (const auto& item : observer->exposures()) {
        if (!item.host_netns || item.protocol != IPPROTO_TCP || !item.holder) continue;
        const auto name = identity::exe_name(item.holder->exe);
        const bool ssh = name == "sshd" || name == "dropbear" || name == "tinysshd";
        if (ssh && std::find(ports.begin(), ports.end(), item.port) == ports.end())
            ports.push_back(item.port);
    }
    return ports;
}

// The zone that the interface of a local address has under `policy`; none: not filtered.
class ZoneOf {
public:
    ZoneOf(const policy::Policy& policy, const Coverage& coverage)
        : zones_(coverage.zones_under(policy)), network_(coverage.network()) {}

    [[nodiscard]] std::optional<unsigned> operator()(const IpAddress& local) const {
        for (const auto& zone : zones_) {
            const auto& addresses = network_.interfaces.at(zone.ifindex).addresses;
            if (std::find(addresses.begin(), addresses.end(), local) != addresses.end() &&
                !zone.force_monitor)
                return zone.zone;
        }
        return std::nullopt;
    }

private:
    std::vector<kernel::Sensor::ZoneOfInterface> zones_;
    const kernel::NetworkState& network_;
};

std::optional<rollout::Session> session_of(const std::string& ssh_connection) {
    const auto words = split(ssh_connection, ' ');
    if (words.size() != 4) return std::nullopt;
    const auto peer = IpAddress::parse(words[0]);
    const auto local = IpAddress::parse(words[2]);
    std::uint16_t port = 0;
    const auto [stop, error] =
        std::from_chars(words[3].data(), words[3].data() + words[3].size(), port);
    if (!peer || !local || error != std::errc() || stop != words[3].data() + words[3].size())
        return std::nullopt;
    return rollout::Session{*peer, *local, {port}, "the SSH session you type in", 0};
}

}  // namespace

Result<WaysIn> ways_in(const policy::Policy& policy, const Coverage& coverage, Observer* observer,
                       const std::string& ssh_connection) {
    WaysIn found;
    found.ssh_ports = find_ssh_ports(observer);
    const ZoneOf zone_of(policy, coverage);
    const auto add = [&](rollout::Session session) {
        const auto zone = zone_of(session.local);
        if (!zone) return;
        session.zone = *zone;
        found.sessions.push_back(std::move(session));
    };
    if (auto own = session_of(ssh_connection)) add(*own);
    const auto open = kernel::dump_sockets(kernel::DiagWhat::Established);
    if (!open) return pass_on(open.error(), "look for SSH sessions");
    for (const auto& socket : *open) {
        if (socket.protocol != IPPROTO_TCP ||
            std::find(found.ssh_ports.begin(), found.ssh_ports.end(), socket.local_port) ==
                found.ssh_ports.end())
            continue;
        add({socket.remote, socket.local, socket.local_port, "SSH session", 0});
    }
    return found;
}

}  // namespace portlid::app
