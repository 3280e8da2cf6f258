// SPDX-License-Identifier: Apache-2.0
// From what is to be in force to the kernel: stages, each compiled once, the lock-out guard, and
// the one publication.
#include <algorithm>

#include "app/lifelines.hpp"
#include "app/rollout.hpp"
#include "app/sessions.hpp"
#include "base/rfc3339.hpp"
#include "rollout/guard.hpp"

namespace portlid::app {

std::uint64_t Rollout::next_number() const {
    const auto in_kernel = sensor_ != nullptr ? sensor_->generation() : 0;
    return std::max({store_->state().last_number, in_kernel, policies_.generation()}) + 1;
}

Result<Rollout::Laid> Rollout::lay(Candidate& confirmed, Candidate* pending, BootTime deadline,
                                   const rollout::Overlays& overlays, std::uint64_t same_number) {
    const auto now = boot_now();
    const auto* waiting = pending != nullptr ? &pending->policy : nullptr;
    const rollout::Plan wanted{&confirmed.policy, waiting, deadline, &overlays};
    auto plan = rollout::stages(wanted, now, POLICY_SLOTS);
    const auto instants = rollout::instants(wanted, now).size();
    auto number = same_number != 0 ? same_number : next_number();
    Laid laid;
    const auto& state = store_->state();
    const rollout::Plan before{&confirmed_.policy, pending_ ? &pending_->policy : nullptr,
                               state.pending ? state.pending->deadline : BootTime{},
                               &state.overlays};
    laid.firm_ends_fit = rollout::refuse_too_many_ends(wanted, before, now, POLICY_SLOTS);
    for (auto& stage : plan) {
        auto& from = stage.pending ? *pending : confirmed;
        auto compiled = stage.laid || !from.compiled ? policies_.compile(stage.policy)
                                                     : Result<PolicyStore::Compiled>(from.compiled);
        if (!compiled) return pass_on(compiled.error());
        if (!stage.laid) from.compiled = *compiled;
        const bool back = !stage.pending && laid.stages.size() == 1 && pending != nullptr &&
                          confirmed_number_ != 0;
        laid.stages.push_back({std::move(stage.policy), std::move(*compiled),
                               back ? confirmed_number_ : number, stage.until});
        if (!back) number = std::max(number + 1, next_number());
    }
    laid.instants_left_out = instants - (laid.stages.size() - 1);
    return laid;
}

Result<> Rollout::put(Laid laid) {
    auto& latest = store_->state().last_number;
    auto used = latest;
    for (const auto& stage : laid.stages) used = std::max(used, stage.generation);
    auto published = policies_.publish(
        sensor_, std::move(laid.stages),
        [this](const policy::Policy& policy) { return coverage_->zones_under(policy); });
    if (!published) return published;
    latest = used;
    instants_left_out_ = laid.instants_left_out;
    emitter_->set_policy(policies_.generation(), policies_.compiled().hash);
    if (changed_) changed_();
    return {};
}

Result<> Rollout::publish(Candidate& confirmed, Candidate* pending, BootTime deadline,
                          const rollout::Overlays& overlays, std::uint64_t same_number) {
    auto laid = lay(confirmed, pending, deadline, overlays, same_number);
    if (!laid) return pass_on(laid.error());
    return put(std::move(*laid));
}

// What is in force and what waits, as it stands now.
Result<> Rollout::publish_again() {
    const auto& state = store_->state();
    const auto deadline = state.pending ? state.pending->deadline : BootTime{};
    return publish(confirmed_, pending_ ? &*pending_ : nullptr, deadline, state.overlays);
}

Result<> Rollout::guard(const StageSpec& stage, const Change& change) const {
    if (change.force || sensor_ == nullptr || options_.sockets_only) return {};
    if (!policy::enforces(*stage.compiled->image)) return {};
    const auto ways = ways_in(stage.policy, *coverage_, observer_, change.ssh_connection);
    if (!ways) return pass_on(ways.error());
    const auto tables = coverage_->tables();
    rollout::GuardInput input{
        &stage.policy, stage.compiled.get(), &tables, ways->sessions, ways->ssh_ports, {}, {}};
    for (const auto& zone : coverage_->zones_under(stage.policy)) input.zones.push_back(zone.zone);
    input.lifelines = lifelines_under(stage.policy, *coverage_);
    const auto cuts = rollout::guard(input);
    if (cuts.empty()) return {};
    return fail("this would lock you out: " + rollout::to_string(cuts),
                "add the rule, or --force if you have another way in");
}

// What follows by itself counts too: an opening that ends must not take the way in with it, unless
// it would do so at that instant without this change as well.
Result<> Rollout::guard_all(const Laid& laid, const Change& change) const {
    if (!laid.firm_ends_fit) return laid.firm_ends_fit;
    if (auto safe = guard(laid.stages.front(), change); !safe) return safe;
    for (std::size_t i = 1; i < laid.stages.size(); ++i) {
        const auto begins = *laid.stages[i - 1].until;
        auto safe = guard(laid.stages[i], change);
        if (safe || !guard(policies_.in_force_at(begins), change)) continue;
        return fail("from " + to_rfc3339(to_wall(begins)) + " on " + safe.error().message,
                    safe.error().hint);
    }
    return {};
}

}  // namespace portlid::app
