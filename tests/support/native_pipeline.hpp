// SPDX-License-Identifier: Apache-2.0
// The shipped pipeline compiled natively, with every part of its state in a test's hands: what
// policy/simulate.hpp leaves at its usual value (budgets, VLAN tags that a NIC took off) included.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "abi/maps.h"
#include "policy/compile.hpp"
#include "support/reference.hpp"

// The pipeline is C for three compilers; its warnings are the BPF build's business.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "lib/backend.h"
#pragma GCC diagnostic pop

namespace portlid::test {

struct NativeAnswer {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::uint16_t rule = 0;
    bool operator==(const NativeAnswer&) const = default;
};

// The tables of one host and policy, made once and asked often. Remembers tries at limits.
class NativePipeline {
public:
    NativePipeline(policy::CompiledPolicy& compiled, const ReferenceHost& host,
                   const std::map<Cidr, std::uint32_t>& networks, std::uint64_t start_ms);

    [[nodiscard]] NativeAnswer judge(const Arrival& arrival, std::span<const std::uint8_t> frame,
                                     std::uint64_t now_ms);
    // The short way of the ingress programs; nothing where it leaves the frame to judge().
    [[nodiscard]] std::optional<NativeAnswer> judge_plain(
        const Arrival& arrival, std::span<const std::uint8_t> frame) const;
    void forget_tries();
    void spend_budgets(bool spent) { tables_.budget_left = spent ? 0 : 1; }

private:
    [[nodiscard]] frame packet_of(const Arrival& arrival,
                                  std::span<const std::uint8_t> bytes) const;
    void fill(const ReferenceHost& host, std::uint64_t start_ns);

    const policy::CompiledPolicy& compiled_;
    std::vector<ip_bytes> own_;
    std::vector<flow_key> flows_;  // those that are not idle for too long
    std::vector<native_network> networks_;
    std::vector<native_ban> bans_;
    std::vector<native_existing> existing_;
    std::vector<limit_set> limits_;
    std::vector<native_holder> holders_;
    native_tables tables_{};
};

// The place where a socket sits, and the owners that all sockets of that place belong to.
[[nodiscard]] port_slot_key to_slot_key(const ReferenceHost::Holder& holder);
[[nodiscard]] std::set<std::uint64_t> owners_of_slot(const ReferenceHost& host,
                                                     const port_slot_key& slot);
[[nodiscard]] flow_key to_flow_key(const ReferenceHost::Flow& flow);
// What the sensor puts into `networks` for this host under this policy.
[[nodiscard]] std::map<Cidr, std::uint32_t> to_networks(const ReferenceHost& host,
                                                        const policy::Policy& policy);

}  // namespace portlid::test
