// SPDX-License-Identifier: Apache-2.0
// The lifecycle half of Rollout: start, reload, the passing of time. Verbs: rollout_verbs.cpp.
#include "app/rollout.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "app/sessions.hpp"
#include "base/text.hpp"
#include "policy/policy_tests.hpp"
#include "rollout/guard.hpp"

namespace portlid::app {

namespace fs = std::filesystem;

namespace {

// What stands in for "the policy before" where there is none: the same rules, nothing dropped.
Candidate only_monitoring(Candidate candidate) {
    for (auto& zone : candidate.policy.zones) zone.forced.all = policy::Mode::Monitor;
    return candidate;
}

}  // namespace

Rollout::Rollout(const RunOptions& options, PolicyStore& policies)
    : options_(options), policies_(policies) {}

Result<Candidate> Rollout::kept(std::uint64_t number) const {
    return policies_.read(store_->file_of(number));
}

Result<> Rollout::read() {
    auto store = rollout::Store::open(options_.state_dir);
    if (!store) {
        const auto file = options_.state_dir / "rollout.json";
        std::error_code failed;
        fs::rename(file, file.string() + ".bad", failed);
        to_tell_.push_back([this, why = store.error().message] {
            emitter_->emit(
                event::Kind::SensorDegraded,
                event::sensor_degraded_body(
                    emitter_->origin(), "rollout", why,
                    "kept as rollout.json.bad; run-time changes and bans are forgotten"));
        });
        store = rollout::Store::open(options_.state_dir);
        if (!store) return pass_on(store.error());
    }
    store_.emplace(std::move(*store));
    auto& state = store_->state();
    rollout::drop_ended(state.overlays, boot_now());
    auto file = policies_.read(policies_.file());
    if (!file) return pass_on(file.error());
    if (state.pending && state.pending->deadline <= boot_now())
        expire_pending("its time to be confirmed passed while no sensor ran");
    const auto last = store_->confirmed_before(state.pending ? state.pending->number : ~0ULL);
    confirmed_ = *file;
    if (state.pending) {
        auto waiting = kept(state.pending->number);
        if (!waiting) return pass_on(waiting.error(), "the policy that waits for `confirm`");
        waiting->text_hash = state.pending->text_hash;
        pending_ = std::move(*waiting);
        confirmed_ = only_monitoring(*pending_);
    }
    if (!state.pending && !store_->refused(file->text_hash)) {
        warnings_ = confirmed_.warnings;
        return {};
    }
    if (last != nullptr) {
        auto before = kept(last->number);
        if (!before) return pass_on(before.error(), "the last confirmed policy");
        before->text_hash = last->text_hash;
        confirmed_ = std::move(*before);
        confirmed_number_ = last->number;
    } else if (!state.pending) {
        confirmed_ = only_monitoring(*file);
    }
    if (!state.pending) {
        const auto instead = last == nullptr ? std::string("monitor mode")
                                             : "generation " + std::to_string(last->number);
        to_tell_.push_back([this, instead] {
            spdlog::warn(
                "{} was rolled back or never confirmed: {} is used instead; "
                "`portlid apply` forgives it",
                policies_.file().string(), instead);
            tell_rolled_back(policies_.generation(),
                             "the text of the policy file was rolled back or never confirmed");
        });
    }
    return {};
}

std::uint64_t Rollout::next_number() const {
    const auto in_kernel = sensor_ != nullptr ? sensor_->generation() : 0;
    return std::max({store_->state().last_number, in_kernel, policies_.generation()}) + 1;
}

Result<> Rollout::publish(const policy::Policy& confirmed, const policy::Policy* pending,
                          BootTime deadline, const rollout::Overlays& overlays,
                          std::uint64_t same_number) {
    const auto now = boot_now();
    auto plan = rollout::stages({&confirmed, pending, deadline, &overlays}, now, POLICY_SLOTS);
    const auto instants = rollout::ends(overlays, now).size() + (pending != nullptr ? 1 : 0);
    auto number = same_number != 0 ? same_number : next_number();
    std::vector<StageSpec> stages;
    std::vector<std::uint64_t> numbers;
    for (auto& stage : plan) {
        const bool back =
            !stage.pending && stages.size() == 1 && pending != nullptr && confirmed_number_ != 0;
        stages.push_back({std::move(stage.policy), back ? confirmed_number_ : number, stage.until});
        numbers.push_back(stages.back().generation);
        if (!back) number = std::max(number + 1, next_number());
    }
    auto published = policies_.publish(
        sensor_, std::move(stages),
        [this](const policy::Policy& policy) { return coverage_->zones_under(policy); });
    if (!published) return published;
    for (const auto used : numbers)
        store_->state().last_number = std::max(store_->state().last_number, used);
    instants_left_out_ = instants - (plan.size() - 1);
    emitter_->set_policy(policies_.generation(), policies_.compiled().hash);
    if (changed_) changed_();
    return {};
}

Result<> Rollout::guard(const policy::Policy& policy, const Change& change) const {
    if (change.force || sensor_ == nullptr || options_.sockets_only) return {};
    const auto compiled = policies_.compile(policy);
    if (!compiled) return pass_on(compiled.error());
    if (!policy::enforces(*compiled->image)) return {};
    const auto ways = ways_in(policy, *coverage_, observer_, change.ssh_connection);
    if (!ways) return pass_on(ways.error());
    rollout::GuardInput input{&policy, &*compiled, nullptr, ways->sessions, ways->ssh_ports, {}};
    const auto tables = coverage_->tables();
    input.tables = &tables;
    for (const auto& zone : coverage_->zones_under(policy)) input.zones.push_back(zone.zone);
    const auto cuts = rollout::guard(input);
    if (cuts.empty()) return {};
    return fail("this would lock you out: " + rollout::to_string(cuts),
                "add the rule, or --force if you have another way in");
}

Result<> Rollout::begin(kernel::Sensor* sensor, Coverage& coverage, Emitter& emitter) {
    sensor_ = sensor;
    coverage_ = &coverage;
    emitter_ = &emitter;
    auto& state = store_->state();
    const auto& first = pending_ ? *pending_ : confirmed_;
    const char* ssh = std::getenv("SSH_CONNECTION");
    const Change change{"start", {0, 0}, false, ssh == nullptr ? "" : ssh};
    if (sensor_ == nullptr || sensor_->generation() == 0) {
        const auto laid = rollout::overlay(first.policy, state.overlays, boot_now());
        if (auto safe = guard(laid, change); !safe)
            return fail(safe.error().message,
                        "add the rule, or watch first: portlid run --mode monitor");
    }
    const auto deadline = state.pending ? state.pending->deadline : BootTime{};
    if (auto done = publish(confirmed_.policy, pending_ ? &pending_->policy : nullptr, deadline,
                            state.overlays);
        !done)
        return done;
    if (pending_) state.pending->number = policies_.generation();
    if (confirmed_number_ == 0 && !pending_) confirmed_number_ = policies_.generation();
    const rollout::Generation entry{policies_.generation(),
                                    first.text_hash,
                                    "start",
                                    first.file.string(),
                                    wall_now(),
                                    {0, 0},
                                    !pending_};
    if (auto kept = store_->keep(entry, first.policy); !kept) save_problem_ = kept.error().message;
    restore_bans();
    save();
    return {};
}

void Rollout::attach(Observer& observer, std::function<void()> changed) {
    observer_ = &observer;
    changed_ = std::move(changed);
    for (const auto& tell : to_tell_) tell();
    to_tell_.clear();
}

void Rollout::save() {
    auto saved = store_->save();
    const auto problem = saved ? std::string() : saved.error().message;
    if (problem == save_problem_) return;
    save_problem_ = problem;
    if (problem.empty()) return;
    spdlog::error("{}: run-time changes will not survive a restart", problem);
    emitter_->emit(event::Kind::SensorDegraded,
                   event::sensor_degraded_body(emitter_->origin(), "state", problem,
                                               "run-time changes do not survive a restart until it "
                                               "can be written"));
}

void Rollout::expire_pending(const char* why) {
    auto& state = store_->state();
    const auto number = state.pending->number;
    store_->refuse(state.pending->text_hash);
    state.pending.reset();
    pending_.reset();
    to_tell_.push_back([this, number, text = std::string(why)] { tell_rolled_back(number, text); });
}

void Rollout::tell_rolled_back(std::uint64_t from, const std::string& why) {
    emitter_->emit(event::Kind::PolicyRolledBack,
                   event::policy_rolled_back_body(emitter_->origin(), from, why));
}

void Rollout::tell_policy(std::uint64_t before, const std::string& mode_before, const char* how) {
    const std::string mode = policies_.effective_mode();
    emitter_->emit(
        event::Kind::PolicyLoaded,
        event::policy_loaded_body(emitter_->origin(), policies_.file().string(), mode, before));
    if (mode != mode_before)
        emitter_->emit(
            event::Kind::ModeChanged,
            event::mode_changed_body(emitter_->origin(), "sensor", mode_before, mode, how));
}

// The kernel has already gone on by itself; this follows and tells.
void Rollout::tick() {
    const auto now = boot_now();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    if (policies_.follow(now)) {
        auto& state = store_->state();
        emitter_->set_policy(policies_.generation(), policies_.compiled().hash);
        if (changed_) changed_();
        if (state.pending && state.pending->deadline <= now)
            expire_pending("it was not confirmed in time");
        const auto& modes = state.overlays.modes;
        const bool unconfirmed = std::any_of(modes.begin(), modes.end(), [now](const auto& one) {
            return one.unconfirmed && one.until && *one.until <= now;
        });
        rollout::drop_ended(state.overlays, now);
        if (instants_left_out_ != 0)
            if (auto more = publish(confirmed_.policy, nullptr, {}, state.overlays); !more)
                spdlog::error("{}", more.error().message);
        if (unconfirmed) tell_rolled_back(before, "the mode was not confirmed in time");
        tell_policy(before, mode_before, "it ended");
        for (const auto& tell : to_tell_) tell();
        to_tell_.clear();
        save();
    }
    if (sensor_ == nullptr) return;
    const auto expired = sensor_->bans().take_expired();
    for (const auto& ban : expired) {
        auto& kept = store_->state().bans;
        std::string reason;
        for (const auto& one : kept)
            if (one.source == ban.source) reason = one.reason;
        std::erase_if(kept, [&](const auto& one) { return one.source == ban.source; });
        emitter_->emit(event::Kind::BanExpired,
                       event::ban_body(emitter_->origin(), {ban.source.to_string(), wall_now(),
                                                            printable(reason), ban.hits}));
    }
    if (!expired.empty()) save();
}

Result<> Rollout::refuse_while_pending() const {
    const auto& state = store_->state();
    const bool mode = std::any_of(state.overlays.modes.begin(), state.overlays.modes.end(),
                                  [](const auto& one) { return one.unconfirmed; });
    if (!state.pending && !mode) return {};
    return fail("generation " + std::to_string(policies_.generation()) +
                    " still waits for its confirmation",
                "portlid confirm, or portlid rollback");
}

Result<> Rollout::take(Candidate candidate, const Change& change,
                       const rollout::Length& confirm_within) {
    auto& state = store_->state();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    const auto now = boot_now();
    if (auto safe = guard(rollout::overlay(candidate.policy, state.overlays, now), change); !safe)
        return safe;
    const BootTime deadline{
        now.ns + (confirm_within ? static_cast<std::uint64_t>(confirm_within->count()) : 0)};
    auto done = confirm_within
                    ? publish(confirmed_.policy, &candidate.policy, deadline, state.overlays)
                    : publish(candidate.policy, nullptr, {}, state.overlays);
    if (!done) return done;
    store_->accept(candidate.text_hash);
    const rollout::Generation entry{policies_.generation(),  candidate.text_hash, change.how,
                                    candidate.file.string(), wall_now(),          change.author,
                                    !confirm_within};
    auto kept = store_->keep(entry, candidate.policy);
    warnings_ = candidate.warnings;
    const bool elsewhere = candidate.file != policies_.file();
    if (confirm_within) {
        state.pending =
            rollout::Pending{entry.number, candidate.text_hash,
                             elsewhere ? candidate.file.string() : std::string(), deadline};
        pending_ = std::move(candidate);
    } else {
        confirmed_ = std::move(candidate);
        confirmed_number_ = entry.number;
    }
    save();
    tell_policy(before, mode_before, change.how);
    if (change.force)
        spdlog::warn("{} forced by uid {} (pid {}): the lock-out guard was not asked", change.how,
                     change.author.uid, change.author.pid);
    if (!kept) return pass_on(kept.error(), "the policy is in force, but cannot be kept on disk");
    return {};
}

Result<> Rollout::take_overlays(rollout::Overlays overlays, const Change& change) {
    auto& state = store_->state();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    const auto& base = pending_ ? pending_->policy : confirmed_.policy;
    if (auto safe = guard(rollout::overlay(base, overlays, boot_now()), change); !safe) return safe;
    const auto deadline = state.pending ? state.pending->deadline : BootTime{};
    if (auto done =
            publish(confirmed_.policy, pending_ ? &pending_->policy : nullptr, deadline, overlays);
        !done)
        return done;
    if (!state.pending) confirmed_number_ = policies_.generation();
    state.overlays = std::move(overlays);
    save();
    tell_policy(before, mode_before, change.how);
    return {};
}

Result<> Rollout::reload() {
    std::vector<event::PolicyError> errors;
    const auto rejected = [&](const Error& error) -> Result<> {
        if (errors.empty())
            errors.push_back({policies_.file().string(), 0, 0, error.message, error.hint});
        emitter_->emit(
            event::Kind::PolicyRejected,
            event::policy_rejected_body(emitter_->origin(), policies_.file().string(), errors));
        return pass_on(error);
    };
    if (auto free = refuse_while_pending(); !free) return rejected(free.error());
    auto candidate = policies_.read(policies_.file(), &errors);
    if (!candidate) return rejected(candidate.error());
    if (auto passed = policy::check_own_tests(candidate->policy); !passed)
        return rejected(passed.error());
    auto taken = take(std::move(*candidate), {"reload", {0, 0}, false, ""}, std::nullopt);
    if (!taken) return rejected(taken.error());
    return {};
}

}  // namespace portlid::app
