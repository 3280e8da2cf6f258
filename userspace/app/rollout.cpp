// SPDX-License-Identifier: Apache-2.0
// The lifecycle half of Rollout: start, reload, the passing of time. Verbs: rollout_verbs.cpp.
#include "app/rollout.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "app/rollout_words.hpp"
#include "policy/policy_tests.hpp"

namespace portlid::app {

namespace fs = std::filesystem;

namespace {

// What stands in for "the policy before" where there is none: the same rules, nothing dropped.
Candidate only_monitoring(Candidate candidate) {
    for (auto& zone : candidate.policy.zones) zone.forced.all = policy::Mode::Monitor;
    candidate.compiled.reset();
    return candidate;
}

}  // namespace

Rollout::Rollout(const RunOptions& options, PolicyStore& policies)
    : options_(options), policies_(policies) {}

Result<Candidate> Rollout::kept(std::uint64_t number) const {
    return policies_.read(store_->file_of(number));
}

// A boot with a broken file is a worse moment to have no policy than to have yesterday's.
Result<Candidate> Rollout::file_or_last_good() {
    auto file = policies_.read(policies_.file());
    const auto* last = store_->confirmed_before(~0ULL);
    if (file || !options_.last_good || last == nullptr) return file;
    auto good = kept(last->number);
    if (!good) return file;
    good->text_hash = last->text_hash;
    good->file = policies_.file();
    const auto instead = "generation " + std::to_string(last->number) + " is used instead";
    spdlog::error("{}; {}", file.error().message, instead);
    to_tell_.push_back([this, why = file.error().message, instead] {
        emitter_->emit(
            event::Kind::PolicyRejected,
            event::policy_rejected_body(emitter_->origin(), policies_.file().string(),
                                        {{policies_.file().string(), 0, 0, why, instead}}));
    });
    return good;
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
    auto file = file_or_last_good();
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
        entry_ = last->number;
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

Result<> Rollout::begin(kernel::Sensor* sensor, Coverage& coverage, Emitter& emitter) {
    sensor_ = sensor;
    coverage_ = &coverage;
    emitter_ = &emitter;
    auto& state = store_->state();
    auto& first = pending_ ? *pending_ : confirmed_;
    const char* ssh = std::getenv("SSH_CONNECTION");
    const Change change{"start", {0, 0}, false, ssh == nullptr ? "" : ssh, 0};
    const auto deadline = state.pending ? state.pending->deadline : BootTime{};
    auto laid = lay(confirmed_, pending_ ? &*pending_ : nullptr, deadline, state.overlays);
    if (!laid) return pass_on(laid.error());
    // What an earlier run enforced, and the operator has seen, is not asked about again.
    const auto* last = store_->confirmed_before(~0ULL);
    const bool seen = last != nullptr && last->text_hash == first.text_hash;
    if (sensor_ == nullptr || !seen || sensor_->begins_to_enforce(*laid->stages.front().compiled))
        if (auto safe = guard(laid->stages.front(), change); !safe)
            return fail(safe.error().message,
                        "add the rule, or watch first: portlid run --mode monitor");
    if (auto done = put(std::move(*laid)); !done) return done;
    if (pending_) state.pending->number = policies_.generation();
    if (confirmed_number_ == 0 && !pending_) confirmed_number_ = policies_.generation();
    if (auto kept = remember(first, change, !pending_); !kept) save_problem_ = kept.error().message;
    restore_bans();
    save();
    return {};
}

Result<> Rollout::remember(const Candidate& candidate, const Change& change, bool confirmed) {
    rollout::Generation entry{policies_.generation(),
                              candidate.text_hash,
                              change.how,
                              candidate.file.string(),
                              wall_now(),
                              change.author,
                              confirmed,
                              store_->state().overlays.modes,
                              change.copy_of};
    std::erase_if(entry.modes, [](const auto& one) { return one.unconfirmed; });
    if (confirmed) {
        entry_ = entry.number;
        entry_copy_of_ = entry.copy_of;
    }
    return store_->keep(entry, candidate.policy);
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

void Rollout::tell_policy(std::uint64_t before, const std::string& mode_before,
                          const Change& change) {
    const std::string mode = policies_.effective_mode();
    auto body =
        event::policy_loaded_body(emitter_->origin(), policies_.file().string(), mode, before);
    body["policy"]["how"] = change.how;
    body["policy"]["by"] = author_json(change.author);
    body["policy"]["forced"] = change.force;
    emitter_->emit(event::Kind::PolicyLoaded, std::move(body));
    if (mode != mode_before)
        emitter_->emit(
            event::Kind::ModeChanged,
            event::mode_changed_body(emitter_->origin(), "sensor", mode_before, mode, change.how));
}

void Rollout::say_forced(const Change& change) const {
    if (change.force)
        spdlog::warn("{} forced by uid {} (pid {}): the lock-out guard was not asked", change.how,
                     change.author.uid, change.author.pid);
}

void Rollout::tell_what_waits() {
    for (const auto& tell : to_tell_) tell();
    to_tell_.clear();
}

void Rollout::tick() {
    look_for_rescue();
    follow_kernel();
    follow_labels();
    // Overlays were laid over it: made again when it is needed, 3 MB until then.
    if (confirmed_.compiled && confirmed_.compiled.use_count() == 1) confirmed_.compiled.reset();
    if (sensor_ != nullptr) take_expired_bans();
}

// The kernel has already gone on by itself; this follows and tells.
void Rollout::follow_kernel() {
    const auto now = boot_now();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    if (!policies_.follow(now)) return;
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
        if (auto more = publish_again(); !more) spdlog::error("{}", more.error().message);
    if (unconfirmed) tell_rolled_back(before, "the mode was not confirmed in time");
    tell_policy(before, mode_before, {"it ended", {0, 0}, false, "", 0});
    tell_what_waits();
    save();
}

bool Rollout::mode_waits() const {
    const auto& modes = store_->state().overlays.modes;
    return std::any_of(modes.begin(), modes.end(), [](const auto& one) { return one.unconfirmed; });
}

Result<> Rollout::refuse_while_pending() const {
    const auto& state = store_->state();
    if (!state.pending && !mode_waits()) return {};
    return fail("generation " + std::to_string(policies_.generation()) +
                    " still waits for its confirmation",
                "portlid confirm, or portlid rollback");
}

Result<> Rollout::take(Candidate candidate, const Change& change,
                       const rollout::Length& confirm_within, rollout::Overlays overlays) {
    auto& state = store_->state();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    const BootTime deadline{
        boot_now().ns + (confirm_within ? static_cast<std::uint64_t>(confirm_within->count()) : 0)};
    auto laid = confirm_within ? lay(confirmed_, &candidate, deadline, overlays)
                               : lay(candidate, nullptr, {}, overlays);
    if (!laid) return pass_on(laid.error());
    if (auto safe = guard_all(*laid, change); !safe) return safe;
    if (auto done = put(std::move(*laid)); !done) return done;
    // In force: only now is anything written down.
    store_->accept(candidate.text_hash);
    state.overlays = std::move(overlays);
    auto kept = remember(candidate, change, !confirm_within);
    warnings_ = candidate.warnings;
    const bool elsewhere = candidate.file != policies_.file();
    if (confirm_within) {
        state.pending =
            rollout::Pending{policies_.generation(), candidate.text_hash,
                             elsewhere ? candidate.file.string() : std::string(), deadline};
        pending_ = std::move(candidate);
    } else {
        state.pending.reset();
        pending_.reset();
        confirmed_ = std::move(candidate);
        confirmed_number_ = policies_.generation();
    }
    save();
    tell_policy(before, mode_before, change);
    say_forced(change);
    if (!kept) return pass_on(kept.error(), "the policy is in force, but cannot be kept on disk");
    return {};
}

Result<> Rollout::take_overlays(rollout::Overlays overlays, const Change& change) {
    auto& state = store_->state();
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    const auto deadline = state.pending ? state.pending->deadline : BootTime{};
    auto laid = lay(confirmed_, pending_ ? &*pending_ : nullptr, deadline, overlays);
    if (!laid) return pass_on(laid.error());
    if (auto safe = guard_all(*laid, change); !safe) return safe;
    if (auto done = put(std::move(*laid)); !done) return done;
    if (!state.pending) confirmed_number_ = policies_.generation();
    state.overlays = std::move(overlays);
    // A mode is a generation to go back to; openings and set members end by themselves.
    Result<> kept;
    if (std::string_view(change.how) == "mode" && !mode_waits())
        kept = remember(confirmed_, change, true);
    save();
    tell_policy(before, mode_before, change);
    say_forced(change);
    if (!kept) return pass_on(kept.error(), "the mode is in force, but cannot be kept on disk");
    return {};
}

Result<> Rollout::reload() {
    look_for_rescue();
    const auto rescue = policies_.rescue();
    const bool over =
        rescue.asked() && !find_rescue(options_.kernel_cmdline, options_.rescue_file).asked();
    if (!over) return reload_file();
    set_rescue({});
    auto done = reload_file();
    if (!done)
        set_rescue(rescue);
    else
        spdlog::warn("the rescue is over: {} decides again", policies_.file().string());
    return done;
}

Result<> Rollout::reload_file() {
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
    auto taken = take(std::move(*candidate), {"reload", {0, 0}, false, "", 0}, std::nullopt,
                      store_->state().overlays);
    if (!taken) return rejected(taken.error());
    return {};
}

}  // namespace portlid::app
