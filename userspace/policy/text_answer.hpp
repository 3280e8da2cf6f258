// SPDX-License-Identifier: Apache-2.0
// What the policy's text says of one new flow, its source's first try, to one of this host's own
// addresses: rows 8, 9, 11, 13 and 14 of the decision table, read from the model alone, rule by
// rule. `verify` holds the running program against it, so it shares nothing with compile, the image
// or the pipeline; it is slow and plain on purpose.
#pragma once

#include <cstdint>
#include <vector>

#include "abi/reasons.h"
#include "policy/model.hpp"
#include "policy/owners.hpp"

namespace portlid::policy {

struct TextQuestion {
    std::size_t zone = 0;  // index in Policy::zones
    PortProtocol protocol = PortProtocol::Tcp;
    IpAddress source;
    IpAddress destination;  // one of this host's own
    HostPort port;
    const HeldPorts* held = nullptr;  // who sits on owned ports; none = nobody
};

struct TextAnswer {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_service;  // one that fits; other drop reasons may fit as well
};

[[nodiscard]] TextAnswer text_answer(const Policy& policy, const TextQuestion& question);

// First ports of the stretches within which every port has the same rules, from 0 upwards.
// A port that somebody in `held` sits on is a stretch of its own.
[[nodiscard]] std::vector<std::uint32_t> stretches(const Policy& policy, std::size_t zone,
                                                   PortProtocol protocol,
                                                   const HeldPorts* held = nullptr);

// True when some prefix of the list covers the address.
[[nodiscard]] bool listed(const std::vector<Cidr>& list, const IpAddress& address);

}  // namespace portlid::policy
