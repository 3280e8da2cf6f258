// SPDX-License-Identifier: Apache-2.0
#include "app/seed.hpp"

#include <set>

#include "kernel/sock_diag.hpp"

namespace portlid::app {

namespace {

std::uint8_t wire_protocol(const kernel::DiagSocket& socket) {
    return static_cast<std::uint8_t>(socket.protocol);  // TCP (MPTCP too), UDP or UDP-Lite
}

using Port = std::pair<std::uint8_t, HostPort>;

}  // namespace

Result<> seed_flows(kernel::Sensor& sensor) {
    auto listening = kernel::dump_sockets(kernel::DiagWhat::Listening);
    if (!listening) return pass_on(listening.error(), "seed flows");
    auto connected = kernel::dump_sockets(kernel::DiagWhat::Established);
    if (!connected) return pass_on(connected.error(), "seed flows");
    std::set<Port> listened;
    for (const auto& socket : *listening)
        listened.emplace(wire_protocol(socket), socket.local_port);
    std::vector<flow_key> flows;
    for (const auto& socket : *connected) {
        // A stranger may have opened a flow to a listener: that one has to stand on its own.
        if (listened.contains({wire_protocol(socket), socket.local_port})) continue;
        if (socket.local.is_loopback()) continue;
        flow_key key{};
        key.local = socket.local.to_bytes();
        key.remote = socket.remote.to_bytes();
        key.local_port_host = socket.local_port.value;
        key.remote_port_host = socket.remote_port.value;
        key.protocol = wire_protocol(socket);
        flows.push_back(key);
    }
    return sensor.seed_flows(flows);
}

}  // namespace portlid::app
