// SPDX-License-Identifier: Apache-2.0
#include "support/native_pipeline.hpp"

#include "policy/routed.hpp"

// The pipeline is C for three compilers; its warnings are the BPF build's business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "lib/pipeline.h"
#pragma GCC diagnostic pop

namespace portlid::test {

flow_key to_flow_key(const ReferenceHost::Flow& flow) {
    flow_key key{};
    key.local = flow.local.to_bytes();
    key.remote = flow.remote.to_bytes();
    key.local_port_host = static_cast<std::uint16_t>(flow.local_port);
    key.remote_port_host = static_cast<std::uint16_t>(flow.remote_port);
    key.protocol = static_cast<std::uint8_t>(flow.protocol);
    return key;
}

std::map<Cidr, std::uint32_t> to_networks(const ReferenceHost& host, const policy::Policy& policy) {
    using Kind = ReferenceHost::Network::Kind;
    std::map<Cidr, std::uint32_t> out;
    for (const auto& network : host.networks)
        out[network.prefix] = network.kind == Kind::Connected   ? NETWORK_CONNECTED
                              : network.kind == Kind::Container ? NETWORK_CONTAINER
                                                                : NETWORK_BROADCAST;
    policy::open_routed(out, policy.routed);
    return out;
}

namespace {

std::uint64_t station(const std::array<std::uint8_t, 6>& mac) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < mac.size(); ++i)
        out |= static_cast<std::uint64_t>(mac[i]) << (8 * i);
    return out;
}

// The native tables know no ages: a flow is there or it is not.
bool alive(const ReferenceHost::Flow& flow) {
    const bool echo = flow.protocol == 1 || flow.protocol == 58;
    return flow.protocol == 6 || flow.idle_seconds < (echo ? 60U : 300U);
}

}  // namespace

NativePipeline::NativePipeline(const policy::CompiledPolicy& compiled, const ReferenceHost& host,
                               const std::map<Cidr, std::uint32_t>& networks)
    : compiled_(compiled), networks_(networks) {
    for (const auto& address : host.own) own_.push_back(address.to_bytes());
    for (const auto& flow : host.flows)
        if (alive(flow)) flows_.push_back(to_flow_key(flow));
}

NativeAnswer NativePipeline::judge(const Arrival& arrival, std::span<const std::uint8_t> bytes,
                                   bool budgets_spent) const {
    std::vector<native_network> networks;
    for (const auto& [prefix, kind] : networks_)
        networks.push_back({{prefix.mapped_bits(), prefix.address.to_bytes()}, kind});
    native_tables tables{};
    tables.nodes = compiled_.nodes.data();
    tables.node_count = static_cast<__u32>(compiled_.nodes.size());
    tables.own = own_.data();
    tables.own_count = static_cast<__u32>(own_.size());
    tables.networks = networks.data();
    tables.network_count = static_cast<__u32>(networks.size());
    tables.flows = flows_.data();
    tables.flow_count = static_cast<__u32>(flows_.size());
    tables.now_boot_ns = 1;
    tables.budget_left = budgets_spent ? 0 : 1;
    frame packet{};
    packet.bytes = bytes.data();
    packet.tables = &tables;
    packet.length_bytes = static_cast<__u32>(bytes.size());
    packet.layer3 = arrival.layer3 ? 1 : 0;
    packet.own_mac = station(arrival.mac);
    packet_facts facts{};
    const auto judged =
        ::judge(&packet, compiled_.image.get(), static_cast<__u32>(arrival.zone), &facts);
    NativeAnswer out{static_cast<verdict_word>(judged.verdict), static_cast<reason>(judged.reason),
                     judged.rule};
    if (arrival.force_monitor && out.verdict == VERDICT_drop) out.verdict = VERDICT_would_drop;
    return out;
}

}  // namespace portlid::test
