// SPDX-License-Identifier: Apache-2.0
#include "app/seed.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <set>

#include "kernel/conntrack.hpp"
#include "kernel/netlink.hpp"
#include "kernel/sock_diag.hpp"

namespace portlid::app {

namespace {

std::uint8_t wire_protocol(const kernel::DiagSocket& socket) {
    return static_cast<std::uint8_t>(socket.protocol);  // TCP (MPTCP too), UDP or UDP-Lite
}

using Port = std::pair<std::uint8_t, HostPort>;

flow_key key_of(std::uint8_t protocol, const IpAddress& local, HostPort local_port,
                const IpAddress& remote, HostPort remote_port) {
    flow_key key{};
    key.local = local.to_bytes();
    key.remote = remote.to_bytes();
    key.local_port_host = local_port.value;
    key.remote_port_host = remote_port.value;
    key.protocol = protocol;
    return key;
}

flow_key key_of(const kernel::DiagSocket& socket) {
    return key_of(wire_protocol(socket), socket.local, socket.local_port, socket.remote,
                  socket.remote_port);
}

// The handshake is complete.
bool is_open(const kernel::DiagSocket& socket) {
    return socket.protocol == IPPROTO_TCP && socket.state != TCP_SYN_SENT &&
           socket.state != TCP_SYN_RECV && !socket.local.is_loopback();
}

Result<> add_host_flows(kernel::FlowSet& flows) {
    auto connected = kernel::dump_sockets(kernel::DiagWhat::Established);
    if (!connected) return pass_on(std::move(connected.error()));
    for (const auto& socket : *connected)
        if (is_open(socket)) flows.insert(key_of(socket));
    return {};
}

bool is_container(const kernel::NetworkState& network, const IpAddress& address) {
    const std::pair<const Cidr, std::uint32_t>* best = nullptr;
    for (const auto& entry : network.networks)
        if (entry.first.contains(address) &&
            (best == nullptr || entry.first.bits > best->first.bits))
            best = &entry;
    return best != nullptr && best->second == NETWORK_CONTAINER;
}

// Flows that strangers opened to this host or its containers, as they look on the wire.
Result<> add_tracked_flows(kernel::FlowSet& flows) {
    auto network = kernel::read_network_state();
    if (!network) return pass_on(std::move(network.error()));
    auto tracked = kernel::dump_assured_flows();
    if (!tracked) return pass_on(std::move(tracked.error()));
    for (const auto& flow : *tracked)
        if (network->own.contains(flow.target) || is_container(*network, flow.target))
            flows.insert(
                key_of(IPPROTO_TCP, flow.target, flow.target_port, flow.opener, flow.opener_port));
    return {};
}

// Writes down what is open; returns what went wrong, for people.
std::string seed_existing(kernel::Sensor& sensor, BootTime seen) {
    kernel::FlowSet open;
    std::string problem;
    for (const auto add : {add_host_flows, add_tracked_flows})
        if (auto added = add(open); !added)
            problem += (problem.empty() ? "" : "; ") + added.error().message +
                       (added.error().hint.empty() ? "" : " (" + added.error().hint + ")");
    if (auto count = sensor.seed_existing(open, seen, problem.empty()); !count)
        problem += (problem.empty() ? "" : "; ") + count.error().message;
    return problem;
}

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
        flows.push_back(key_of(socket));
    }
    return sensor.seed_flows(flows);
}

Result<Published> publish_honouring_open_flows(kernel::Sensor& sensor,
                                               std::span<const kernel::Stage> stages) {
    Published out;
    const auto now = boot_now();
    const bool begins = sensor.begins_to_enforce(*stages.front().policy);
    if (begins) out.seed_problem = seed_existing(sensor, now);
    auto generation = sensor.publish(stages);
    if (!generation) return pass_on(std::move(generation.error()));
    out.generation = *generation;
    // From here on nobody opens a flow that the policy refuses, so what is open was open before.
    if (begins) out.seed_problem = seed_existing(sensor, now);
    return out;
}

}  // namespace portlid::app
