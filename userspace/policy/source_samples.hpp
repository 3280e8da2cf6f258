// SPDX-License-Identifier: Apache-2.0
// One source address for every combination of source lists that some address is in: the classes
// of strangers that a policy tells apart. From the model alone, like text_answer.hpp.
//
// Invariant: two addresses of a family that are in the same lists have the same sample, so the
// samples together ask everything that a policy can answer differently.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace portlid::policy {

struct SourceSample {
    bool stranger = false;  // in no list at all
    std::string name;       // "office", "spammers + office", "anyone else"; words of the policy
    // None: no address of the family that could be a packet's source is in exactly these lists.
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;
};

// `own`: this host's addresses, which never come from outside. Addresses that cannot be a source
// on a wire (loopback, multicast, 0/8, 240/4, IPv4 written as IPv6) are never samples.
[[nodiscard]] std::vector<SourceSample> source_samples(const Policy& policy,
                                                       const std::set<IpAddress>& own);

}  // namespace portlid::policy
