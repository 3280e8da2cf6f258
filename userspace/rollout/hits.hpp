// SPDX-License-Identifier: Apache-2.0
// How often what was changed at run time decided: the hits that `status` lists. Pure values.
#pragma once

#include <string>

#include "abi/reasons.h"
#include "rollout/overlays.hpp"

namespace portlid::rollout {

// Traffic of one source to one port that was judged one way.
struct Judged {
    IpAddress source;  // IPv6: the first address of its /64
    std::string zone;
    std::uint8_t protocol = 0;
    HostPort port;
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::string rule;  // by the name that verdicts carry
    std::uint64_t packets = 0;
    std::uint64_t syns = 0;  // TCP packets with SYN
};

// Adds to the hits of each overlay that `judged` is due to, under `policy`, which is in force:
//   an opening        what it let in;
//   a forced mode     what its rules dropped (enforce) or would have dropped (monitor);
//   a set's member    what a rule that names the set made of it.
// What was let in counts by flows (TCP) or packets (others), what was not by packets. An IPv6
// source counts for every prefix that overlaps its /64. True when a number changed.
bool count_hits(Overlays& overlays, const policy::Policy& policy, const Judged& judged);

}  // namespace portlid::rollout
