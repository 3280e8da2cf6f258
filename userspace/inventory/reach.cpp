// SPDX-License-Identifier: Apache-2.0
#include "inventory/reach.hpp"

#include <algorithm>

namespace portlid::inventory {

namespace {

using policy::Reach;

// Open < Restricted < Closed in the enum: the narrower one.
static_assert(Reach::Open < Reach::Restricted && Reach::Restricted < Reach::Closed);
Reach narrower(Reach a, Reach b) {
    return std::max(a, b);
}

Reach without_portlid(Path path, UfwAnswer ufw) {
    if (path == Path::Nowhere) return Reach::Closed;
    if (path == Path::Dnat) return Reach::Open;
    switch (ufw) {
        case UfwAnswer::Deny:
        case UfwAnswer::Reject:
            return Reach::Closed;
        case UfwAnswer::Limit:
        case UfwAnswer::Restricted:
            return Reach::Restricted;
        default:
            return Reach::Open;
    }
}

bool really_filtered(const JoinInput& input, const ActiveZone& zone) {
    return input.compiled != nullptr && zone.filtered && !zone.force_monitor && !input.monitor_only;
}

bool exposed_in(const ZoneReach& zone) {
    return zone.now != Reach::Closed && zone.enforced == Reach::Closed;
}

// A port that is open and allowed somewhere is ok although Portlid drops it elsewhere: that is what
// zones are for.
ExposureVerdict verdict_of(const std::vector<ZoneReach>& reach, Reach base) {
    if (std::any_of(reach.begin(), reach.end(), exposed_in)) return ExposureVerdict::Exposed;
    const bool all_closed = std::all_of(reach.begin(), reach.end(), [](const ZoneReach& zone) {
        return zone.now == Reach::Closed;
    });
    const bool dropped = !reach.empty() && all_closed && base != Reach::Closed;
    return dropped ? ExposureVerdict::Closed : ExposureVerdict::Ok;
}

}  // namespace

ReachAndVerdict judge_reach(const JoinInput& input, std::uint8_t protocol, const IpAddress& address,
                            HostPort port, Path path, UfwAnswer ufw) {
    const auto base = without_portlid(path, ufw);
    ReachAndVerdict out;
    for (const auto& zone : input.zones) {
        policy::PortReach by_policy{Reach::Open, Reach::Closed, 0};
        if (input.compiled != nullptr && path != Path::Nowhere)
            by_policy = policy::port_reach(*input.compiled, zone.index, protocol, address, port,
                                           &input.held);
        const auto now = really_filtered(input, zone) ? narrower(by_policy.now, base) : base;
        out.reach.push_back({zone.name, now, by_policy.enforced});
    }
    out.verdict = verdict_of(out.reach, base);
    return out;
}

}  // namespace portlid::inventory
