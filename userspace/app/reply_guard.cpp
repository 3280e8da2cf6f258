// SPDX-License-Identifier: Apache-2.0
#include "app/reply_guard.hpp"

#include <spdlog/spdlog.h>

namespace portlid::app {

namespace {

constexpr std::size_t kMostFlows = 200'000;  // listing them takes about 0.2 s
constexpr std::chrono::seconds kRetry{60};

}  // namespace

bool leaves_unseen(const kernel::Interface& link,
                   const std::map<std::uint32_t, kernel::Interface>& all,
                   const std::function<bool(std::uint32_t)>& is_watched) {
    if (!link.up || link.loopback || link.engine_bridge || link.kind == "dummy") return false;
    if (is_watched(link.ifindex)) return false;
    if (const auto master = all.find(link.master); master != all.end())
        return !master->second.engine_bridge && !is_watched(link.master);
    // A VLAN's frames leave through its parent; a macvlan's may turn to a neighbour on it.
    return link.kind != "vlan" || !is_watched(link.lower);
}

Result<> ReplyGuard::raise(kernel::Sensor& sensor) {
    const auto ports = kernel::dump_answered_ports(kMostFlows);
    if (!ports) return pass_on(ports.error());
    if (auto added = sensor.add_used_ports(*ports); !added) return added;
    return sensor.say_ports_are_all(true);
}

void ReplyGuard::keep(kernel::Sensor& sensor, bool watched) {
    const bool may = watched && !ipsec_.in_use();
    if (!may && (up_ || !asked_)) {
        if (auto said = sensor.say_ports_are_all(false); !said)
            spdlog::error("{}", said.error().message);
        asked_ = true;
        up_ = false;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!may || up_ || now < next_try_) return;
    if (auto raised = raise(sensor); raised) {
        up_ = asked_ = true;
    } else {
        next_try_ = now + kRetry;
        spdlog::debug("conntrack is asked about every stray packet: {}", raised.error().message);
    }
}

}  // namespace portlid::app
