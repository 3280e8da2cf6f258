// SPDX-License-Identifier: Apache-2.0
// Keeps the guard in front of conntrack honest. A packet to a local port that no flow of ours ever
// used cannot be a reply, so conntrack need not be asked (it costs more than all the rest). That is
// true only while every interface by which a flow may leave is watched, and once the flows that are
// older than the watch were written down.
#pragma once

#include <chrono>

#include "kernel/ipsec.hpp"
#include "kernel/netlink.hpp"
#include "kernel/sensor.hpp"

namespace portlid::app {

class ReplyGuard {
public:
    // Once a second, and after each change of the network. `watched`: egress is watched wherever it
    // matters. Takes the guard down at once, puts it up when it holds.
    void keep(kernel::Sensor& sensor, bool watched);

private:
    [[nodiscard]] Result<> raise(kernel::Sensor& sensor);
    kernel::IpsecWatch ipsec_;
    bool up_ = false;
    bool asked_ = false;  // the map says what up_ says
    std::chrono::steady_clock::time_point next_try_{};
};

// Packets may leave by `link` without passing a watched one: not by the loopback, an engine's
// bridge or its ports, a dummy, or what stands on an interface for which `is_watched` is true.
[[nodiscard]] bool leaves_unseen(const kernel::Interface& link,
                                 const std::map<std::uint32_t, kernel::Interface>& all,
                                 const std::function<bool(std::uint32_t)>& is_watched);

}  // namespace portlid::app
