// SPDX-License-Identifier: Apache-2.0
// One kind of judged traffic of one source within one hour: what the ledger keeps, and the line of
// JSON that it travels as.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "abi/reasons.h"
#include "base/address.hpp"
#include "base/clock.hpp"

namespace portlid::history {

// Who held the port when the traffic came; all empty: nobody was known.
struct Target {
    std::string container_id, container, image, project, service;
    std::string exe;
    [[nodiscard]] bool empty() const { return container_id.empty() && exe.empty(); }
};

struct Flow {
    IpAddress source;  // IPv6: the first address of its /64
    std::string zone, interface_name;
    std::uint8_t protocol = 0;
    HostPort port;  // of the outside, before DNAT; 0 where the protocol has none
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::string rule, rule_source;
    std::uint64_t generation = 0;
    IpAddress destination;         // of the first packet of its time
    std::string destination_kind;  // "own", "container", "broadcast", "multicast", "other"
    bool listener = false;         // somebody held the port
    std::shared_ptr<const Target> target = std::make_shared<Target>();
    WallTime first, last;
    std::uint64_t packets = 0;
    std::uint64_t syns = 0;  // TCP packets with SYN
    std::uint64_t acks = 0;  // TCP packets with ACK, without SYN and RST
};

// Without the newline; holds every member.
[[nodiscard]] std::string to_line(const Flow& flow);
[[nodiscard]] std::optional<Flow> flow_of(const std::string& line);

// Since which UTC hour and day, counted from 1970, an instant belongs to.
[[nodiscard]] std::int64_t hour_of(WallTime time);
[[nodiscard]] std::int64_t day_of(WallTime time);

// More than a probe: TCP that went beyond a first packet to somebody who answers, UDP that came
// again while somebody listened. See userspace/learn/README.md.
[[nodiscard]] bool is_use(const Flow& flow);

}  // namespace portlid::history
