// SPDX-License-Identifier: Apache-2.0
// Bans: the verbs, the list, and what is put back after a reboot.
#include <algorithm>
#include <set>

#include "app/caller.hpp"
#include "app/rollout.hpp"
#include "app/rollout_words.hpp"
#include "base/text.hpp"
#include "identity/process.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::minutes kBanLength{10};

bool overlaps(const Cidr& a, const Cidr& b) {
    return a.contains(b.address) || b.contains(a.address);
}

}  // namespace

rollout::Author author_of(const control::Request& request) {
    return {request.peer_uid, request.peer_pid};
}

nlohmann::ordered_json author_json(const rollout::Author& author) {
    return {{"uid", author.uid},
            {"pid", author.pid},
            {"user", printable(identity::user_name(author.uid))}};
}

std::string caller_ssh(const control::Request& request, const std::string& sent) {
    return sent.empty() ? ssh_connection_of(request.peer_pid) : sent;
}

rollout::Until until_of(const rollout::Length& length) {
    if (!length || length->count() == 0) return std::nullopt;
    return BootTime{boot_now().ns + static_cast<std::uint64_t>(length->count())};
}

nlohmann::ordered_json remaining_json(const rollout::Until& until) {
    if (!until) return nullptr;
    const auto now = boot_now().ns;
    return until->ns > now ? (until->ns - now) / 1'000'000'000 : 0;
}

nlohmann::ordered_json until_json(const rollout::Until& until) {
    return until ? nlohmann::ordered_json(to_rfc3339(to_wall(*until)))
                 : nlohmann::ordered_json(nullptr);
}

Json Rollout::bans() const {
    Json items = Json::array();
    if (sensor_ != nullptr)
        for (const auto& ban : sensor_->bans().list()) {
            const auto& kept = store_->state().bans;
            const auto why = std::find_if(kept.begin(), kept.end(), [&](const auto& one) {
                return one.source == ban.source;
            });
            Json remaining = nullptr;
            if (ban.remaining) remaining = ban.remaining->count() / 1'000'000'000;
            items.push_back({{"source", ban.source.to_string()},
                             {"since", to_rfc3339(to_wall(ban.since))},
                             {"until", why == kept.end() ? Json(nullptr) : until_json(why->until)},
                             {"remaining_s", std::move(remaining)},
                             {"hits", ban.hits},
                             {"by", why == kept.end() ? Json(nullptr) : author_json(why->author)},
                             {"reason", why == kept.end() || why->reason.empty()
                                            ? Json(nullptr)
                                            : Json(printable(why->reason))}});
        }
    return {{"schema", "portlid.bans/v1"}, {"items", std::move(items)}};
}

// Of two bans of one source the longer one stays, whoever asked for the other; when it ends.
rollout::Until Rollout::keep_ban(rollout::KeptBan fresh) {
    auto& kept = store_->state().bans;
    const auto old = std::find_if(kept.begin(), kept.end(),
                                  [&](const auto& one) { return one.source == fresh.source; });
    if (old == kept.end()) return kept.emplace_back(std::move(fresh)).until;
    if (old->until && (!fresh.until || *fresh.until >= *old->until)) *old = std::move(fresh);
    return old->until;
}

Rollout::Answer Rollout::ban(const control::Request& request) {
    const auto parsed = rollout::parse_ban(request.body);
    if (!parsed) return pass_on(parsed.error());
    if (sensor_ == nullptr || options_.sockets_only)
        return fail("this sensor filters nothing (--interface none)", "start it with an interface");
    const auto& source = parsed->source;
    if (!parsed->force) {
        for (const auto& own : policies_.model().management)
            if (overlaps(own, source))
                return fail(source.to_string() + " holds management address " + own.to_string(),
                            "--force bans it all the same");
        const auto ssh = caller_ssh(request, parsed->ssh_connection);
        const auto caller = split(ssh, ' ');
        const auto peer = caller.empty() ? std::nullopt : IpAddress::parse(caller.front());
        if (peer && source.contains(*peer))
            return fail(source.to_string() + " holds the address that you are connected from",
                        "--force bans it all the same");
        if (source.bits == 0)
            return fail(source.to_string() + " is everybody", "--force bans it all the same");
    }
    const auto length = parsed->length.value_or(kBanLength);
    const auto banned =
        sensor_->bans().add(source, length.count() == 0 ? std::nullopt : std::optional(length));
    if (!banned) return pass_on(banned.error());
    const auto until =
        keep_ban({source, until_of(length), parsed->reason, wall_now(), author_of(request)});
    save();
    emitter_->emit(
        event::Kind::BanAdded,
        event::ban_body(emitter_->origin(),
                        {source.to_string(), until ? std::optional(to_wall(*until)) : std::nullopt,
                         printable(parsed->reason), 0}));
    return Json{{"schema", "portlid.change/v1"},
                {"source", source.to_string()},
                {"until", until_json(until)}};
}

// Lifts one ban and says so; false when there is none.
Result<bool> Rollout::lift(const Cidr& source) {
    std::uint64_t hits = 0;
    for (const auto& ban : sensor_->bans().list())
        if (ban.source == source) hits = ban.hits;
    auto removed = sensor_->bans().remove(source);
    if (!removed || !*removed) return removed;
    std::erase_if(store_->state().bans, [&](const auto& one) { return one.source == source; });
    emitter_->emit(event::Kind::BanExpired,
                   event::ban_body(emitter_->origin(),
                                   {source.to_string(), wall_now(), "lifted by hand", hits}));
    return true;
}

// Those with this reason, or all.
std::vector<Cidr> Rollout::banned_for(const std::optional<std::string>& reason) const {
    std::vector<Cidr> sources;
    const auto& kept = store_->state().bans;
    for (const auto& ban : sensor_->bans().list()) {
        const bool meant = !reason || std::any_of(kept.begin(), kept.end(), [&](const auto& one) {
            return one.source == ban.source && one.reason == *reason;
        });
        if (meant) sources.push_back(ban.source);
    }
    return sources;
}

Rollout::Answer Rollout::unban(const control::Request& request) {
    const auto parsed = rollout::parse_unban(request.body);
    if (!parsed) return pass_on(parsed.error());
    if (sensor_ == nullptr || options_.sockets_only)
        return fail("this sensor filters nothing (--interface none)", "start it with an interface");
    auto sources = parsed->all || !parsed->reason.empty()
                       ? banned_for(parsed->all ? std::nullopt : std::optional(parsed->reason))
                       : std::vector<Cidr>{*parsed->source};
    if (parsed->source)
        std::erase_if(sources, [&](const auto& one) { return one != *parsed->source; });
    Json lifted = Json::array();
    for (const auto& source : sources) {
        const auto removed = lift(source);
        if (!removed) return pass_on(removed.error());
        if (*removed) lifted.push_back(source.to_string());
    }
    save();
    if (parsed->source && lifted.empty() && !parsed->if_banned)
        return fail(parsed->source->to_string() + " is not banned" +
                        (parsed->reason.empty() ? "" : " for that reason"),
                    "portlid bans");
    Json answer{{"schema", "portlid.change/v1"}, {"lifted", std::move(lifted)}};
    if (parsed->source) answer["source"] = parsed->source->to_string();
    return answer;
}

// The kernel lifted them in time; this forgets them here and tells.
void Rollout::take_expired_bans() {
    const auto expired = sensor_->bans().take_expired();
    auto& kept = store_->state().bans;
    for (const auto& ban : expired) {
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

// Bans that the kernel forgot (a reboot, a detach) are put back with what is left of them.
void Rollout::restore_bans() {
    if (sensor_ == nullptr || options_.sockets_only) return;
    std::set<Cidr> there;
    for (const auto& ban : sensor_->bans().list()) there.insert(ban.source);
    const auto now = boot_now();
    for (const auto& ban : store_->state().bans) {
        if (there.contains(ban.source) || (ban.until && *ban.until <= now)) continue;
        const auto left = ban.until ? std::optional(std::chrono::nanoseconds(
                                          static_cast<std::int64_t>(ban.until->ns - now.ns)))
                                    : std::nullopt;
        if (auto back = sensor_->bans().add(ban.source, left); !back)
            save_problem_ = back.error().message;
    }
    std::erase_if(store_->state().bans,
                  [now](const auto& ban) { return ban.until && *ban.until <= now; });
}

}  // namespace portlid::app
