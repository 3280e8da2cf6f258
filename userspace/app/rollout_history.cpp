// SPDX-License-Identifier: Apache-2.0
// What was in force, by whom, and the way back to it.
#include <algorithm>

#include "app/rollout.hpp"
#include "app/rollout_words.hpp"
#include "base/text.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;

Json modes_json(const std::vector<rollout::ModeOverride>& modes) {
    Json list = Json::array();
    for (const auto& one : modes)
        list.push_back({{"mode", one.mode ? policy::to_string(*one.mode) : "policy"},
                        {"zone", one.zone.empty() ? Json(nullptr) : Json(printable(one.zone))},
                        {"rule", one.rule.empty() ? Json(nullptr) : Json(printable(one.rule))},
                        {"until", until_json(one.until)}});
    return list;
}

void drop_unconfirmed(rollout::Overlays& overlays) {
    std::erase_if(overlays.modes, [](const auto& one) { return one.unconfirmed; });
}

}  // namespace

Json Rollout::generations() const {
    const auto& state = store_->state();
    const auto current = state.pending ? state.pending->number : entry_;
    Json items = Json::array();
    for (auto entry = state.history.rbegin(); entry != state.history.rend(); ++entry) {
        const char* word = "earlier";
        if (entry->number == current) word = state.pending ? "unconfirmed" : "in force";
        if (entry->number != current && !entry->confirmed) word = "never confirmed";
        if (entry->number != current && store_->refused(entry->text_hash)) word = "rolled back";
        items.push_back({{"generation", entry->number},
                         {"state", word},
                         {"time", to_rfc3339(entry->time)},
                         {"how", entry->how},
                         {"by", author_json(entry->author)},
                         {"file", printable(entry->file)},
                         {"text", entry->text_hash},
                         {"confirmed", entry->confirmed},
                         {"modes", modes_json(entry->modes)},
                         {"copy_of", entry->copy_of == 0 ? Json(nullptr) : Json(entry->copy_of)}});
    }
    return {{"schema", "portlid.generations/v1"},
            {"generation", policies_.generation()},
            {"items", std::move(items)}};
}

// What is confirmed, with the modes that hold, as an entry of the history would say it.
rollout::Generation Rollout::as_generation() const {
    rollout::Generation now;
    now.number = entry_;
    now.text_hash = confirmed_.text_hash;
    now.modes = store_->state().overlays.modes;
    now.copy_of = entry_copy_of_;
    std::erase_if(now.modes, [](const auto& one) { return one.unconfirmed; });
    return now;
}

// The policy or mode that waits for its confirmation goes at once instead of at its deadline.
Result<> Rollout::drop_waiting() {
    auto& state = store_->state();
    const auto before = policies_.generation();
    auto overlays = state.overlays;
    drop_unconfirmed(overlays);
    if (auto done = publish(confirmed_, nullptr, {}, overlays, confirmed_number_); !done)
        return done;
    confirmed_number_ = policies_.generation();
    state.overlays = std::move(overlays);
    if (state.pending)
        expire_pending("rolled back by hand");
    else
        tell_rolled_back(before, "rolled back by hand");
    return {};
}

Result<> Rollout::go_back_to(const rollout::Generation& target, const Change& change) {
    const auto before = policies_.generation();
    auto earlier = kept(target.number);
    if (!earlier) return pass_on(earlier.error());
    earlier->text_hash = target.text_hash;
    const auto refused = pending_ ? pending_->text_hash : confirmed_.text_hash;
    auto overlays = store_->state().overlays;
    overlays.modes = target.modes;
    rollout::drop_ended(overlays, boot_now());
    if (auto taken = take(std::move(*earlier), change, {}, std::move(overlays)); !taken)
        return taken;
    if (refused != confirmed_.text_hash) store_->refuse(refused);
    tell_rolled_back(before, "rolled back by hand");
    return {};
}

Rollout::Answer Rollout::roll_back(const control::Request& request) {
    const auto parsed = rollout::parse_rollback(request.body);
    if (!parsed) return pass_on(parsed.error());
    const auto before = policies_.generation();
    const std::string mode_before = policies_.effective_mode();
    const bool waits = store_->state().pending || mode_waits();
    Change change{"rollback", author_of(request), parsed->force,
                  caller_ssh(request, parsed->ssh_connection), 0};
    if (waits && parsed->generation == 0) {
        if (auto done = drop_waiting(); !done) return pass_on(done.error());
        if (policies_.effective_mode() != mode_before) tell_policy(before, mode_before, change);
    } else {
        const auto* found = parsed->generation != 0 ? store_->find(parsed->generation)
                                                    : store_->way_back(as_generation());
        if (found == nullptr)
            return fail(parsed->generation != 0
                            ? "generation " + std::to_string(parsed->generation) + " is not kept"
                            : std::string("there is no earlier policy to go back to"),
                        "portlid rollback --list");
        const auto target = *found;
        change.copy_of = target.copy_of != 0 ? target.copy_of : target.number;
        if (auto done = go_back_to(target, change); !done) return pass_on(done.error());
    }
    tell_what_waits();
    save();
    return result_json();
}

}  // namespace portlid::app
