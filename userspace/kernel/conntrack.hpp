// SPDX-License-Identifier: Apache-2.0
// What the kernel's connection tracking knows of TCP flows that are open now, by ctnetlink
// (linux/netfilter/nfnetlink_conntrack.h), in the calling thread's network namespace.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::kernel {

// As the one who opened the flow sent its packets, before any DNAT.
struct TrackedFlow {
    IpAddress opener;
    HostPort opener_port;
    IpAddress target;
    HostPort target_port;
};

// TCP flows that are established and ASSURED: both sides have spoken. Entries that are merely
// present prove nothing, since a lone ACK makes one (nf_conntrack_tcp_loose). Empty where
// conntrack tracks nothing; an error where it does but cannot be listed.
[[nodiscard]] Result<std::vector<TrackedFlow>> dump_assured_flows();

// A local port of ours, as an answer names it: the destination of what comes back, after any SNAT.
struct AnsweredPort {
    std::uint8_t protocol = 0;  // TCP or UDP
    HostPort port;
    auto operator<=>(const AnsweredPort&) const = default;
};

// Of every TCP and UDP flow that is tracked now. An error where that cannot be known; so it is
// with more than `limit` flows, which nobody should wait for.
[[nodiscard]] Result<std::set<AnsweredPort>> dump_answered_ports(std::size_t limit);

}  // namespace portlid::kernel
