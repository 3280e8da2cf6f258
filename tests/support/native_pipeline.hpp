// SPDX-License-Identifier: Apache-2.0
// The shipped pipeline compiled natively, with every part of its state in a test's hands: what
// policy/simulate.hpp leaves at its usual value (budgets, VLAN tags that a NIC took off) included.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "abi/maps.h"
#include "policy/compile.hpp"
#include "support/reference.hpp"

namespace portlid::test {

struct NativeAnswer {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::uint16_t rule = 0;
};

// The tables of one host and policy, made once and asked often.
class NativePipeline {
public:
    NativePipeline(const policy::CompiledPolicy& compiled, const ReferenceHost& host,
                   const std::map<Cidr, std::uint32_t>& networks);

    [[nodiscard]] NativeAnswer judge(const Arrival& arrival, std::span<const std::uint8_t> frame,
                                     bool budgets_spent) const;

private:
    const policy::CompiledPolicy& compiled_;
    std::vector<ip_bytes> own_;
    std::vector<flow_key> flows_;  // those that are not idle for too long
    std::map<Cidr, std::uint32_t> networks_;
};

[[nodiscard]] flow_key to_flow_key(const ReferenceHost::Flow& flow);
// What the sensor puts into `networks` for this host under this policy.
[[nodiscard]] std::map<Cidr, std::uint32_t> to_networks(const ReferenceHost& host,
                                                        const policy::Policy& policy);

}  // namespace portlid::test
