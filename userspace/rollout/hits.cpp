// SPDX-License-Identifier: Apache-2.0
#include "rollout/hits.hpp"

#include <algorithm>

namespace portlid::rollout {

namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kSourceBits = 64;  // of an IPv6 address, that a source is told by

bool holds(const Cidr& prefix, const IpAddress& source) {
    if (prefix.contains(source)) return true;
    if (source.family() != Family::IPv6 || prefix.bits <= kSourceBits) return false;
    return Cidr{source, kSourceBits}.contains(prefix.address);
}

bool in_scope(const std::string& scope, const std::string& name) {
    return scope.empty() || scope == name;
}

bool names(const std::vector<std::string>& list, const std::string& set) {
    return std::find(list.begin(), list.end(), set) != list.end();
}

std::uint64_t weight(const Judged& judged) {
    const bool flows = judged.verdict == VERDICT_allow && judged.protocol == kTcp;
    return flows ? judged.syns : judged.packets;
}

// "allow 8080/tcp", or what a second one of the same port is called: "allow 8080/tcp (2)".
bool is_rule_of(const Opening& opening, const std::string& rule) {
    const auto name = rule_name(opening);
    return rule == name || rule.rfind(name + " (", 0) == 0;
}

bool is_due_to(const Opening& opening, const Judged& judged) {
    if (judged.why != REASON_allowed || !is_rule_of(opening, judged.rule)) return false;
    if (!in_scope(opening.zone, judged.zone)) return false;
    return opening.from.empty() ||
           std::any_of(opening.from.begin(), opening.from.end(),
                       [&](const Cidr& prefix) { return holds(prefix, judged.source); });
}

bool is_due_to(const ModeOverride& change, const Judged& judged) {
    if (!in_scope(change.zone, judged.zone) || !in_scope(change.rule, judged.rule)) return false;
    if (!change.mode) return judged.verdict != VERDICT_allow;
    return judged.verdict ==
           (*change.mode == policy::Mode::Enforce ? VERDICT_drop : VERDICT_would_drop);
}

bool rule_names(const policy::Policy& policy, const Judged& judged, const std::string& set) {
    if (judged.why == REASON_denied) return names(policy.deny_text, set);
    if (judged.why == REASON_failsafe)
        return std::any_of(policy.failsafe.begin(), policy.failsafe.end(),
                           [&](const auto& rule) { return names(rule.from_text, set); });
    return std::any_of(policy.services.begin(), policy.services.end(), [&](const auto& service) {
        return service.name == judged.rule &&
               (names(service.from_text, set) ||
                (service.limit && names(service.limit->exempt, set)));
    });
}

template <typename Changes, typename Due>
bool add_where(Changes& changes, std::uint64_t hits, Due due) {
    bool changed = false;
    for (auto& change : changes) {
        if (!due(change)) continue;
        change.hits += hits;
        changed = true;
    }
    return changed;
}

}  // namespace

bool count_hits(Overlays& overlays, const policy::Policy& policy, const Judged& judged) {
    const auto hits = weight(judged);
    if (hits == 0) return false;
    const auto due = [&](const auto& change) { return is_due_to(change, judged); };
    const bool modes = add_where(overlays.modes, hits, due);
    const bool openings = add_where(overlays.openings, hits, due);
    const bool sets = add_where(overlays.sets, hits, [&](const SetChange& change) {
        return holds(change.member, judged.source) && rule_names(policy, judged, change.set);
    });
    return modes || openings || sets;
}

}  // namespace portlid::rollout
