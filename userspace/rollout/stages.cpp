// SPDX-License-Identifier: Apache-2.0
#include "rollout/stages.hpp"

#include <algorithm>

namespace portlid::rollout {

namespace {

Stage stage_at(const Plan& plan, BootTime when) {
    const bool waits = plan.pending != nullptr && when < plan.deadline;
    const auto& base = waits ? *plan.pending : *plan.confirmed;
    auto overlays = *plan.overlays;
    drop_ended(overlays, when);
    return {overlay(base, overlays, when), std::nullopt, waits, !overlays.empty()};
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
    const auto kept = std::min(all.size(), room - 1);
    std::vector<Stage> list;
    auto begin = now;
    for (std::size_t i = 0; i < kept; ++i) {
        list.push_back(stage_at(plan, begin));
        list.back().until = all[i];
        begin = all[i];
    }
    list.push_back(stage_at(plan, all.empty() ? now : all.back()));
    return list;
}

}  // namespace portlid::rollout
