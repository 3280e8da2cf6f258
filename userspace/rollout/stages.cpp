// SPDX-License-Identifier: Apache-2.0
#include "rollout/stages.hpp"

#include <algorithm>
#include <set>

namespace portlid::rollout {

namespace {

Stage stage_at(const Plan& plan, BootTime when) {
    const bool waits = plan.pending != nullptr && when < plan.deadline;
    const auto& base = waits ? *plan.pending : *plan.confirmed;
    auto overlays = *plan.overlays;
    drop_ended(overlays, when);
    return {overlay(base, overlays, when), std::nullopt, waits, !overlays.empty()};
}

// The ends under either policy that must not come early.
std::set<BootTime> firm(const Plan& plan, BootTime now, bool confirmed) {
    std::set<BootTime> all;
    for (const auto* base : {plan.confirmed, plan.pending}) {
        if (base == nullptr) continue;
        const auto some = firm_ends(*base, *plan.overlays, now, confirmed);
        all.insert(some.begin(), some.end());
    }
    return all;
}

// Of `all` at most `count`: the next one, for whoever is alive to go on from there; then what must
// not happen early; then as many others as there is room for.
std::vector<BootTime> kept(const Plan& plan, const std::vector<BootTime>& all, BootTime now,
                           std::size_t count) {
    std::vector<BootTime> wanted;
    if (!all.empty()) wanted.push_back(all.front());
    if (plan.pending != nullptr && plan.deadline > now) wanted.push_back(plan.deadline);
    const auto kept_exactly = firm(plan, now, false);
    wanted.insert(wanted.end(), kept_exactly.begin(), kept_exactly.end());
    wanted.insert(wanted.end(), all.begin(), all.end());
    std::set<BootTime> chosen;
    for (const auto instant : wanted)
        if (chosen.size() < count) chosen.insert(instant);
    return {chosen.begin(), chosen.end()};
}

// The last instant before `end`, from `begin` on.
BootTime last_before(const std::vector<BootTime>& all, BootTime end, BootTime begin) {
    const auto after = std::lower_bound(all.begin(), all.end(), end);
    return after == all.begin() ? begin : std::max(begin, *std::prev(after));
}

}  // namespace

std::vector<BootTime> instants(const Plan& plan, BootTime now) {
    auto all = ends(*plan.overlays, now);
    for (const auto* base : {plan.confirmed, plan.pending}) {
        if (base == nullptr) continue;
        const auto more = label_ends(*base, *plan.overlays, now);
        all.insert(all.end(), more.begin(), more.end());
    }
    if (plan.pending != nullptr && plan.deadline > now) all.push_back(plan.deadline);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::vector<Stage> stages(const Plan& plan, BootTime now, std::size_t room) {
    const auto all = instants(plan, now);
    std::vector<Stage> list;
    auto begin = now;
    for (const auto end : kept(plan, all, now, room - 1)) {
        list.push_back(stage_at(plan, last_before(all, end, begin)));
        list.back().until = end;
        begin = end;
    }
    list.push_back(stage_at(plan, all.empty() ? now : all.back()));
    return list;
}

Result<> refuse_too_many_ends(const Plan& plan, const Plan& before, BootTime now,
                              std::size_t room) {
    // One stage is the first, one ends at the next instant of any kind, one waits for `confirm`.
    const auto limit = room - 3;
    const auto wanted = firm(plan, now, true).size();
    if (wanted <= limit || wanted <= firm(before, now, true).size()) return {};
    return fail("the kernel keeps " + std::to_string(limit) +
                    " ends of modes and of set members that deny or are taken out, and has them",
                "portlid status lists them: end one first, or leave out --for");
}

}  // namespace portlid::rollout
