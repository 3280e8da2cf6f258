// SPDX-License-Identifier: Apache-2.0
// What the control socket may change: requests to changes, and the answers. Lifecycle: rollout.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "app/rollout.hpp"
#include "app/rollout_words.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "policy/policy_tests.hpp"
#include "policy/show.hpp"

namespace portlid::app {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;
using rollout::Length;
using rollout::Until;

constexpr std::chrono::hours kAllowLength{1};
constexpr std::size_t kPolicyBytes = 1U << 20U;

const char* override_word(const std::optional<policy::Mode>& mode) {
    return mode ? policy::to_string(*mode) : "policy";
}

tl::unexpected<Error> usage(const std::string& what, const std::string& hint = {}) {
    return fail(what, hint, ExitCode::Usage);
}

}  // namespace

control::Response Rollout::post(const control::Request& request) {
    const auto& path = request.path;
    const auto answer = path == "/v1/apply"      ? apply(request)
                        : path == "/v1/confirm"  ? confirm(request)
                        : path == "/v1/rollback" ? roll_back(request)
                        : path == "/v1/mode"     ? mode(request)
                        : path == "/v1/allow"    ? allow(request)
                        : path == "/v1/set"      ? change_set(request)
                        : path == "/v1/ban"      ? ban(request)
                                                 : unban(request);
    if (!answer)
        return control::error_response(answer.error().code == ExitCode::Usage ? 400 : 409,
                                       answer.error());
    return {200, answer->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

Json Rollout::pending_json() const {
    const auto& state = store_->state();
    if (state.pending)
        return {{"deadline", until_json(state.pending->deadline)},
                {"previous", confirmed_number_},
                {"file", state.pending->file.empty() ? Json(nullptr)
                                                     : Json(printable(state.pending->file))}};
    for (const auto& one : state.overlays.modes)
        if (one.unconfirmed)
            return {{"deadline", until_json(one.until)},
                    {"previous", confirmed_number_},
                    {"mode", override_word(one.mode)}};
    return nullptr;
}

Json Rollout::overrides_json() const {
    const auto& overlays = store_->state().overlays;
    Json modes = Json::array();
    Json openings = Json::array();
    Json sets = Json::array();
    for (const auto& one : overlays.modes)
        modes.push_back({{"mode", override_word(one.mode)},
                         {"zone", one.zone.empty() ? Json(nullptr) : Json(printable(one.zone))},
                         {"rule", one.rule.empty() ? Json(nullptr) : Json(printable(one.rule))},
                         {"by", author_json(one.author)},
                         {"until", until_json(one.until)},
                         {"remaining_s", remaining_json(one.until)},
                         {"hits", one.hits}});
    for (const auto& one : overlays.openings) {
        Json from = Json::array();
        for (const auto& prefix : one.from) from.push_back(prefix.to_string());
        openings.push_back({{"ports", policy::to_string(one.ports)},
                            {"from", std::move(from)},
                            {"zone", one.zone.empty() ? Json(nullptr) : Json(printable(one.zone))},
                            {"by", author_json(one.author)},
                            {"until", until_json(one.until)},
                            {"remaining_s", remaining_json(one.until)},
                            {"hits", one.hits}});
    }
    for (const auto& one : overlays.sets)
        sets.push_back({{"set", printable(one.set)},
                        {"member", one.member.to_string()},
                        {"change", one.add ? "add" : "del"},
                        {"by", author_json(one.author)},
                        {"until", until_json(one.until)},
                        {"remaining_s", remaining_json(one.until)},
                        {"hits", one.hits}});
    return {{"modes", std::move(modes)},
            {"allow", std::move(openings)},
            {"sets", std::move(sets)},
            {"labels", labels_json()},
            {"bans", store_->state().bans.size()}};
}

Json Rollout::policy() const {
    auto whole = pending_ ? pending_->policy : confirmed_.policy;
    for (auto& set : whole.sets) set.file.reset();  // its members, not where they came from
    return {{"schema", "portlid.policy/v1"},
            {"generation", policies_.generation()},
            {"file", printable(policies_.file().string())},
            {"text", policy::show(whole)}};
}

Json Rollout::result_json() const {
    return {{"schema", "portlid.change/v1"},
            {"generation", policies_.generation()},
            {"policy", policies_.compiled().hash},
            {"mode", policies_.effective_mode()},
            {"pending", pending_json()}};
}

// The text of `from`, to be read from the --policy file's place; empty: it is that file. It must be
// what was judged, and includes and set files must mean the same there.
Result<std::string> Rollout::installable(const fs::path& from, const std::string& text_hash) const {
    if (from.empty() || from == policies_.file()) return std::string();
    const auto again = "portlid apply " + from.string();
    auto text = read_file(from, kPolicyBytes);
    if (!text) return fail(text.error().message + ", but it is what was applied", again);
    const auto there = policy::load_text(*text, policies_.file().filename().string(),
                                         policies_.file().parent_path());
    if (there.ok() && there.text_hash == text_hash) return text;
    const auto here = policies_.read(from);
    if (!here || here->text_hash != text_hash)
        return fail(from.string() + " is not any more what was applied", again);
    return fail(from.string() + " means something else at " + policies_.file().string() +
                    " (it includes files or sets beside it)",
                "copy all of it there and run portlid apply", ExitCode::PolicyInvalid);
}

Result<> Rollout::install(const std::string& text) {
    if (text.empty()) return {};
    if (const auto old = read_file(policies_.file(), kPolicyBytes)) {
        auto previous = policies_.file();
        previous += ".previous";
        if (auto saved = write_file_atomically(previous, *old, 0600); !saved) return saved;
    }
    // Who may read it stays as it was; nobody but its owner ever writes it.
    std::error_code absent;
    const auto known = fs::status(policies_.file(), absent).permissions();
    const auto readers = absent ? 0600U : static_cast<unsigned>(known) & 0644U;
    return write_file_atomically(policies_.file(), text, readers | 0600U);
}

Rollout::Answer Rollout::apply(const control::Request& request) {
    const auto parsed = rollout::parse_apply(request.body);
    if (!parsed) return pass_on(parsed.error());
    if (auto free = refuse_while_pending(); !free) return pass_on(free.error());
    const auto file = parsed->file.empty() ? policies_.file() : fs::path(parsed->file);
    auto candidate = policies_.read(file);
    if (!candidate) return pass_on(candidate.error());
    if (auto passed = policy::check_own_tests(candidate->policy); !passed)
        return pass_on(passed.error());
    const auto text = installable(file, candidate->text_hash);
    if (!text) return pass_on(text.error());
    const Change change{"apply", author_of(request), parsed->force,
                        caller_ssh(request, parsed->ssh_connection), 0};
    auto taken =
        take(std::move(*candidate), change, parsed->confirm_within, store_->state().overlays);
    if (!taken) return pass_on(taken.error());
    if (!parsed->confirm_within)
        if (auto installed = install(*text); !installed)
            return pass_on(installed.error(), "the policy is in force, but not written to " +
                                                  policies_.file().string());
    return result_json();
}

Rollout::Answer Rollout::confirm(const control::Request& request) {
    auto& state = store_->state();
    auto overlays = state.overlays;
    bool modes = false;
    for (auto& one : overlays.modes) {
        if (!one.unconfirmed) continue;
        modes = true;
        one.until = one.then;
        one.unconfirmed = false;
    }
    if (!state.pending && !modes)
        return fail("nothing waits for a confirmation", "portlid status shows what is in force");
    if (state.pending && state.pending->deadline <= boot_now())
        return fail("too late: the policy before is in force again", "portlid apply");
    const auto number = policies_.generation();
    if (state.pending) {
        const auto text = installable(state.pending->file, state.pending->text_hash);
        if (!text) return pass_on(text.error(), "not confirmed");
        if (auto installed = install(*text); !installed)
            return pass_on(installed.error(), "not confirmed");
    }
    auto& candidate = pending_ ? *pending_ : confirmed_;
    if (auto done = publish(candidate, nullptr, {}, overlays, number); !done)
        return pass_on(done.error(), "not confirmed");
    for (auto& entry : state.history)
        if (state.pending && entry.number == state.pending->number) {
            entry.confirmed = true;
            entry_ = entry.number;
            entry_copy_of_ = entry.copy_of;
        }
    const auto waited = std::find_if(state.overlays.modes.begin(), state.overlays.modes.end(),
                                     [](const auto& one) { return one.unconfirmed; });
    const auto author = waited != state.overlays.modes.end() ? waited->author : author_of(request);
    if (pending_) confirmed_ = std::move(*pending_);
    pending_.reset();
    confirmed_number_ = number;
    state.pending.reset();
    // What was dropped by `mode policy` is gone for good now.
    std::erase_if(overlays.modes, [](const auto& one) { return !one.mode && !one.until; });
    state.overlays = std::move(overlays);
    Result<> kept;
    if (modes) kept = remember(confirmed_, {"mode", author, false, "", 0}, true);
    save();
    if (!kept) return pass_on(kept.error(), "confirmed, but it cannot be kept on disk");
    return result_json();
}

Rollout::Answer Rollout::mode(const control::Request& request) {
    const auto parsed = rollout::parse_mode(request.body);
    if (!parsed) return pass_on(parsed.error());
    if (auto free = refuse_while_pending(); !free) return pass_on(free.error());
    rollout::ModeOverride change;
    change.mode = parsed->mode;
    change.zone = parsed->zone;
    change.rule = parsed->rule;
    change.author = author_of(request);
    change.until = until_of(parsed->length);
    if (const auto missing = rollout::misses(confirmed_.policy, change))
        return usage(*missing, "portlid policy show " + policies_.file().string());
    if (parsed->mode == policy::Mode::Enforce && policies_.capped())
        return policies_.rescue().asked()
                   ? fail("this sensor only monitors: " + policies_.rescue().why,
                          policies_.rescue().leave)
                   : fail("this sensor runs with --mode monitor and never drops",
                          "start it without --mode monitor");
    if (parsed->confirm_within) {
        change.unconfirmed = true;
        change.then = change.until;
        change.until = until_of(parsed->confirm_within);
    }
    auto overlays = store_->state().overlays;
    // The same scope said before, or narrower, is replaced.
    std::erase_if(overlays.modes, [&](const auto& old) {
        return (change.zone.empty() || old.zone == change.zone) &&
               (change.rule.empty() || old.rule == change.rule) && !change.unconfirmed &&
               !change.until;
    });
    const bool whole = change.zone.empty() && change.rule.empty();
    const bool nothing_left =
        !change.mode && !change.unconfirmed && !change.until && (whole || overlays.modes.empty());
    if (!nothing_left) overlays.modes.push_back(change);
    const Change how{"mode", change.author, parsed->force,
                     caller_ssh(request, parsed->ssh_connection), 0};
    if (auto taken = take_overlays(std::move(overlays), how); !taken) return pass_on(taken.error());
    return result_json();
}

Rollout::Answer Rollout::allow(const control::Request& request) {
    const auto parsed = rollout::parse_allow(request.body);
    if (!parsed) return pass_on(parsed.error());
    auto overlays = store_->state().overlays;
    const auto same = [&](const auto& old) {
        return old.ports == parsed->ports && old.from == parsed->from && old.zone == parsed->zone;
    };
    std::uint64_t hits = 0;  // goes on when it is only renewed
    for (const auto& old : overlays.openings)
        if (same(old)) hits += old.hits;
    const auto ended = std::erase_if(overlays.openings, same);
    if (parsed->end && ended == 0)
        return fail("no `allow` opened " + policy::to_string(parsed->ports) + " like that",
                    "portlid status -o json shows `overrides`");
    const rollout::Opening opening{
        parsed->ports,      parsed->from,
        parsed->zone,       until_of(parsed->length.value_or(kAllowLength)),
        author_of(request), hits};
    if (const auto missing = rollout::misses(confirmed_.policy, opening))
        return usage(*missing, "portlid policy show " + policies_.file().string());
    if (!parsed->end) overlays.openings.push_back(opening);
    if (auto taken = take_overlays(std::move(overlays), {"allow", opening.author, false, "", 0});
        !taken)
        return pass_on(taken.error());
    auto answer = result_json();
    answer["rule"] = rollout::rule_name(opening);
    answer["until"] = parsed->end ? Json(nullptr) : until_json(opening.until);
    return answer;
}

Rollout::Answer Rollout::change_set(const control::Request& request) {
    const auto parsed = rollout::parse_set(request.body);
    if (!parsed) return pass_on(parsed.error());
    rollout::SetChange change{parsed->name, parsed->member, parsed->add, until_of(parsed->length),
                              author_of(request)};
    if (const auto missing = rollout::misses(confirmed_.policy, change))
        return usage(*missing, "portlid set show");
    auto overlays = store_->state().overlays;
    const auto same = [&](const auto& old) {
        return old.set == change.set && old.member == change.member;
    };
    for (const auto& old : overlays.sets)
        if (same(old) && old.add == change.add) change.hits += old.hits;
    const auto undone = std::erase_if(overlays.sets, same);
    const auto& sets = confirmed_.policy.sets;
    const auto set = std::find_if(sets.begin(), sets.end(),
                                  [&](const auto& one) { return one.name == change.set; });
    const bool in_file =
        std::find(set->members.begin(), set->members.end(), change.member) != set->members.end();
    if (!change.add && !in_file && undone == 0)
        return fail(change.member.to_string() + " is not in " + printable(change.set, 64),
                    "portlid set show " + printable(change.set, 64));
    if (change.add != in_file || change.until) overlays.sets.push_back(change);
    if (auto taken = take_overlays(std::move(overlays), {"set", change.author, false, "", 0});
        !taken)
        return pass_on(taken.error());
    auto answer = result_json();
    answer["set"] = printable(change.set);
    answer["member"] = change.member.to_string();
    answer["until"] = until_json(change.until);
    return answer;
}

Result<Json> Rollout::sets(const std::string& name) const {
    Json list = Json::array();
    const auto& overlays = store_->state().overlays.sets;
    for (const auto& set : policies_.model().sets) {
        if (!name.empty() && set.name != name) continue;
        Json members = Json::array();
        for (const auto& member : set.members) {
            const auto change =
                std::find_if(overlays.begin(), overlays.end(), [&](const auto& one) {
                    return one.add && one.set == set.name && one.member == member;
                });
            Json entry{{"address", member.to_string()}};
            if (change != overlays.end()) {
                entry["added"] = true;
                entry["until"] = until_json(change->until);
                entry["remaining_s"] = remaining_json(change->until);
                entry["hits"] = change->hits;
            }
            members.push_back(std::move(entry));
        }
        list.push_back({{"name", set.name}, {"members", std::move(members)}});
    }
    if (!name.empty() && list.empty())
        return usage("the policy has no set `" + printable(name, 64) + "`", "portlid set show");
    return Json{{"schema", "portlid.sets/v1"}, {"items", std::move(list)}};
}

}  // namespace portlid::app
