// SPDX-License-Identifier: Apache-2.0
#include "support/native_pipeline.hpp"

#include <algorithm>
#include <cstring>

#include "policy/owners.hpp"
#include "policy/routed.hpp"

// The pipeline is C for three compilers; its warnings are the BPF build's business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "lib/plain.h"
#pragma GCC diagnostic pop

namespace portlid::test {

port_slot_key to_slot_key(const ReferenceHost::Holder& holder) {
    port_slot_key key{};
    key.address = holder.address.to_bytes();
    key.port_host = static_cast<std::uint16_t>(holder.port);
    key.protocol = static_cast<std::uint8_t>(holder.protocol);
    key.v6only = holder.v6only ? 1 : 0;
    return key;
}

std::set<std::uint64_t> owners_of_slot(const ReferenceHost& host, const port_slot_key& slot) {
    std::optional<std::set<std::uint64_t>> common;
    for (const auto& holder : host.holders) {
        const auto key = to_slot_key(holder);
        if (std::memcmp(&key, &slot, sizeof(key)) != 0) continue;
        std::set<std::uint64_t> own;
        for (const auto& words : holder.owners) own.insert(policy::owner_key({words}));
        if (common) std::erase_if(*common, [&](auto owner) { return !own.contains(owner); });
        if (!common) common = std::move(own);
    }
    return common.value_or(std::set<std::uint64_t>());
}

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

constexpr std::uint64_t kNsPerMs = 1'000'000;

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

// When a zone that enforces began to; what the publisher fills in.
void set_enforce_since(policy_image& image, std::uint64_t since_ns) {
    for (std::uint32_t i = 0; i < image.head.zone_count; ++i) {
        bool enforces = image.zones[i].enforce != 0;
        for (std::uint32_t j = 0; j < image.modes.exception_count; ++j) {
            const auto& exception = image.modes.exceptions[j];
            enforces = enforces || (exception.zone == i && exception.enforce != 0);
        }
        image.zones[i].enforce_since_ns = enforces ? since_ns : 0;
    }
}

}  // namespace

NativePipeline::NativePipeline(policy::CompiledPolicy& compiled, const ReferenceHost& host,
                               const std::map<Cidr, std::uint32_t>& networks,
                               std::uint64_t start_ms)
    : compiled_(compiled), limits_(LIMIT_SETS) {
    const auto start_ns = start_ms * kNsPerMs;
    set_enforce_since(*compiled.image, start_ns - host.enforced_for_ms * kNsPerMs);
    for (const auto& [prefix, kind] : networks)
        networks_.push_back({{prefix.mapped_bits(), prefix.address.to_bytes()}, kind});
    fill(host, start_ns);
    tables_.nodes = compiled.nodes.data();
    tables_.node_count = static_cast<__u32>(compiled.nodes.size());
    tables_.own = own_.data();
    tables_.own_count = static_cast<__u32>(own_.size());
    tables_.networks = networks_.data();
    tables_.network_count = static_cast<__u32>(networks_.size());
    tables_.flows = flows_.data();
    tables_.flow_count = static_cast<__u32>(flows_.size());
    tables_.bans = bans_.data();
    tables_.ban_count = static_cast<__u32>(bans_.size());
    tables_.existing = existing_.data();
    tables_.existing_count = static_cast<__u32>(existing_.size());
    tables_.holders = holders_.data();
    tables_.holder_count = static_cast<__u32>(holders_.size());
    tables_.limits = limits_.data();
    tables_.hash_seed = hash_seed_of(0x0123456789abcdefULL);
    spend_budgets(host.budgets_spent);
}

void NativePipeline::fill(const ReferenceHost& host, std::uint64_t start_ns) {
    for (const auto& address : host.own) own_.push_back(address.to_bytes());
    for (const auto& flow : host.flows)
        if (alive(flow)) flows_.push_back(to_flow_key(flow));
    for (const auto& ban : host.bans)
        bans_.push_back({{ban.source.mapped_bits(), ban.source.address.to_bytes()},
                         ban.expired ? start_ns : BAN_FOR_EVER});
    for (const auto& holder : host.holders) {
        const auto slot = to_slot_key(holder);
        const auto owners = owners_of_slot(host, slot);
        for (const auto owner : owners) holders_.push_back({slot, owner});
        if (owners.empty()) holders_.push_back({slot, 0});
    }
    for (const auto& open : host.open_flows)
        existing_.push_back({to_flow_key(open.flow), open.before_the_flip ? 1 : start_ns + 1});
}

void NativePipeline::forget_tries() {
    std::fill(limits_.begin(), limits_.end(), limit_set{});
}

frame NativePipeline::packet_of(const Arrival& arrival, std::span<const std::uint8_t> bytes) const {
    frame packet{};
    packet.bytes = bytes.data();
    packet.tables = &tables_;
    packet.length_bytes = static_cast<__u32>(bytes.size());
    packet.layer3 = arrival.layer3 ? 1 : 0;
    packet.offloaded_vlan = arrival.tag_taken_off ? 5 : 0;
    packet.own_mac = station(arrival.mac);
    return packet;
}

std::optional<NativeAnswer> NativePipeline::judge_plain(const Arrival& arrival,
                                                        std::span<const std::uint8_t> bytes) const {
    const auto packet = packet_of(arrival, bytes);
    packet_facts facts{};
    judgement judged{};
    if (arrival.force_monitor ||
        ::judge_plain(&packet, compiled_.image.get(), static_cast<__u32>(arrival.zone), &facts,
                      &judged) == 0)
        return std::nullopt;
    return NativeAnswer{static_cast<verdict_word>(judged.verdict),
                        static_cast<reason>(judged.reason), judged.rule};
}

NativeAnswer NativePipeline::judge(const Arrival& arrival, std::span<const std::uint8_t> bytes,
                                   std::uint64_t now_ms) {
    tables_.now_boot_ns = now_ms * kNsPerMs;
    const auto packet = packet_of(arrival, bytes);
    packet_facts facts{};
    const auto judged =
        ::judge(&packet, compiled_.image.get(), static_cast<__u32>(arrival.zone), &facts);
    NativeAnswer out{static_cast<verdict_word>(judged.verdict), static_cast<reason>(judged.reason),
                     judged.rule};
    if (arrival.force_monitor && out.verdict == VERDICT_drop) out.verdict = VERDICT_would_drop;
    return out;
}

}  // namespace portlid::test
