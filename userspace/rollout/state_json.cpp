// SPDX-License-Identifier: Apache-2.0
// State <-> JSON. The reader is strict: a file that somebody edited wrongly is refused by name,
// never half understood.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "rollout/state.hpp"

namespace portlid::rollout {

namespace {

using StateJson = nlohmann::ordered_json;

constexpr int kVersion = 1;

std::int64_t unix_ns(WallTime time) {
    return time.time_since_epoch().count();
}

StateJson until_json(const Until& until) {
    if (!until) return nullptr;
    return {{"boot_ns", until->ns}, {"unix_ns", unix_ns(to_wall(*until))}};
}

StateJson author_json(const Author& author) {
    return {{"uid", author.uid}, {"pid", author.pid}};
}

StateJson mode_json(const ModeOverride& change) {
    return {{"mode", change.mode ? policy::to_string(*change.mode) : "policy"},
            {"zone", change.zone},
            {"rule", change.rule},
            {"until", until_json(change.until)},
            {"unconfirmed", change.unconfirmed},
            {"then", until_json(change.then)},
            {"by", author_json(change.author)},
            {"hits", change.hits}};
}

StateJson prefixes_json(const std::vector<Cidr>& prefixes) {
    StateJson list = StateJson::array();
    for (const auto& prefix : prefixes) list.push_back(prefix.to_string());
    return list;
}

StateJson opening_json(const Opening& change) {
    return {{"protocol", static_cast<int>(change.ports.protocol)},
            {"first", change.ports.first_host},
            {"last", change.ports.last_host},
            {"from", prefixes_json(change.from)},
            {"zone", change.zone},
            {"until", until_json(change.until)},
            {"by", author_json(change.author)},
            {"hits", change.hits}};
}

StateJson set_json(const SetChange& change) {
    return {{"set", change.set},
            {"member", change.member.to_string()},
            {"add", change.add},
            {"until", until_json(change.until)},
            {"by", author_json(change.author)},
            {"hits", change.hits}};
}

template <typename Items, typename Convert>
StateJson list_json(const Items& items, Convert convert) {
    StateJson list = StateJson::array();
    for (const auto& item : items) list.push_back(convert(item));
    return list;
}

StateJson port_json(const policy::PortRange& range) {
    return {{"protocol", static_cast<int>(range.protocol)},
            {"first", range.first_host},
            {"last", range.last_host}};
}

// Containers choose these words: what is not UTF-8 is replaced when the whole is written.
StateJson label_json(const LabelAsk& ask) {
    return {{"id", ask.id},
            {"container", ask.container},
            {"ports", list_json(ask.ports, port_json)},
            {"from", ask.from},
            {"for", ask.length},
            {"started", ask.started},
            {"started_at", until_json(ask.started_at)},
            {"problem", ask.problem}};
}

StateJson ban_json(const KeptBan& ban) {
    return {{"source", ban.source.to_string()},
            {"until", until_json(ban.until)},
            {"reason", ban.reason},
            {"since_unix_ns", unix_ns(ban.since)},
            {"by", author_json(ban.author)}};
}

StateJson generation_json(const Generation& entry) {
    return {{"number", entry.number},
            {"hash", entry.text_hash},
            {"how", entry.how},
            {"file", entry.file},
            {"unix_ns", unix_ns(entry.time)},
            {"by", author_json(entry.author)},
            {"confirmed", entry.confirmed},
            {"modes", list_json(entry.modes, mode_json)},
            {"copy_of", entry.copy_of}};
}

// Reading. nlohmann's at() and get() throw on anything missing or of another type; from_json()
// turns that into the refusal.

struct Reader {
    bool same_boot = false;
    std::int64_t saved_unix_ns = std::numeric_limits<std::int64_t>::min();

    // After a reboot by the wall clock, which may be wrong until somebody sets it: behind, it must
    // not make anything last longer than it had left when it was saved.
    [[nodiscard]] BootTime instant(const StateJson& json) const {
        if (same_boot) return {json.at("boot_ns").get<std::uint64_t>()};
        const auto left =
            json.at("unix_ns").get<std::int64_t>() - std::max(saved_unix_ns, unix_ns(wall_now()));
        const auto now = boot_now().ns;
        if (left <= 0) return {1};  // has ended
        return {now + static_cast<std::uint64_t>(left)};
    }
    [[nodiscard]] Until until(const StateJson& json) const {
        if (json.is_null()) return std::nullopt;
        return instant(json);
    }
    [[nodiscard]] static Author author(const StateJson& json) {
        return {json.at("uid").get<std::uint32_t>(), json.at("pid").get<std::uint32_t>()};
    }
    // Not in what earlier versions wrote.
    [[nodiscard]] static std::uint64_t hits(const StateJson& json) {
        const auto found = json.find("hits");
        return found == json.end() ? 0 : found->get<std::uint64_t>();
    }
    [[nodiscard]] static Cidr prefix(const StateJson& json) {
        const auto parsed = Cidr::parse(json.get<std::string>());
        if (!parsed) throw StateJson::other_error::create(501, "not a prefix", &json);
        return *parsed;
    }
    [[nodiscard]] ModeOverride mode(const StateJson& json) const {
        const auto word = json.at("mode").get<std::string>();
        if (word != "monitor" && word != "enforce" && word != "policy")
            throw StateJson::other_error::create(501, "not a mode", &json);
        ModeOverride change;
        if (word != "policy")
            change.mode = word == "enforce" ? policy::Mode::Enforce : policy::Mode::Monitor;
        change.zone = json.at("zone").get<std::string>();
        change.rule = json.at("rule").get<std::string>();
        change.until = until(json.at("until"));
        change.unconfirmed = json.at("unconfirmed").get<bool>();
        change.then = until(json.at("then"));
        change.author = author(json.at("by"));
        change.hits = hits(json);
        return change;
    }
    [[nodiscard]] static policy::PortRange port(const StateJson& json) {
        const auto protocol = json.at("protocol").get<int>();
        if (protocol != 6 && protocol != 17)
            throw StateJson::other_error::create(501, "not a protocol", &json);
        return {static_cast<policy::PortProtocol>(protocol), json.at("first").get<std::uint16_t>(),
                json.at("last").get<std::uint16_t>()};
    }
    [[nodiscard]] Opening opening(const StateJson& json) const {
        Opening change{port(json),
                       {},
                       json.at("zone").get<std::string>(),
                       until(json.at("until")),
                       author(json.at("by")),
                       hits(json)};
        for (const auto& one : json.at("from")) change.from.push_back(prefix(one));
        return change;
    }
    [[nodiscard]] LabelAsk label(const StateJson& json) const {
        LabelAsk ask;
        ask.id = json.at("id").get<std::string>();
        ask.container = json.at("container").get<std::string>();
        for (const auto& one : json.at("ports")) ask.ports.push_back(port(one));
        ask.from = json.at("from").get<std::vector<std::string>>();
        ask.length = json.at("for").get<std::string>();
        ask.started = json.at("started").get<std::string>();
        ask.started_at = until(json.at("started_at"));
        ask.problem = json.at("problem").get<std::string>();
        return ask;
    }
    [[nodiscard]] SetChange set(const StateJson& json) const {
        return {json.at("set").get<std::string>(),
                prefix(json.at("member")),
                json.at("add").get<bool>(),
                until(json.at("until")),
                author(json.at("by")),
                hits(json)};
    }
    [[nodiscard]] KeptBan ban(const StateJson& json) const {
        return {prefix(json.at("source")), until(json.at("until")),
                json.at("reason").get<std::string>(),
                WallTime(std::chrono::nanoseconds(json.at("since_unix_ns").get<std::int64_t>())),
                author(json.at("by"))};
    }
    [[nodiscard]] Generation generation(const StateJson& json) const {
        Generation entry{json.at("number").get<std::uint64_t>(),
                         json.at("hash").get<std::string>(),
                         json.at("how").get<std::string>(),
                         json.at("file").get<std::string>(),
                         WallTime(std::chrono::nanoseconds(json.at("unix_ns").get<std::int64_t>())),
                         author(json.at("by")),
                         json.at("confirmed").get<bool>(),
                         {},
                         0};
        // Not in what earlier versions wrote.
        if (const auto modes = json.find("modes"); modes != json.end())
            for (const auto& one : *modes) entry.modes.push_back(mode(one));
        if (const auto copy = json.find("copy_of"); copy != json.end())
            entry.copy_of = copy->get<std::uint64_t>();
        return entry;
    }
    [[nodiscard]] std::optional<Pending> pending(const StateJson& json) const {
        if (json.is_null()) return std::nullopt;
        return Pending{json.at("number").get<std::uint64_t>(), json.at("hash").get<std::string>(),
                       json.at("file").get<std::string>(), instant(json.at("deadline"))};
    }
};

State read_state(const StateJson& json, const std::string& boot) {
    if (json.at("version").get<int>() != kVersion)
        throw StateJson::other_error::create(501, "another version", &json);
    Reader reader{json.at("boot_id").get<std::string>() == boot};
    // Not in what earlier versions wrote.
    if (const auto saved = json.find("saved_unix_ns"); saved != json.end())
        reader.saved_unix_ns = saved->get<std::int64_t>();
    State state;
    state.last_number = json.at("last_number").get<std::uint64_t>();
    state.refused = json.at("refused").get<std::vector<std::string>>();
    state.pending = reader.pending(json.at("pending"));
    for (const auto& one : json.at("history")) state.history.push_back(reader.generation(one));
    for (const auto& one : json.at("modes")) state.overlays.modes.push_back(reader.mode(one));
    for (const auto& one : json.at("openings"))
        state.overlays.openings.push_back(reader.opening(one));
    for (const auto& one : json.at("sets")) state.overlays.sets.push_back(reader.set(one));
    // Of this boot only: another one starts every container anew. Not in what earlier versions
    // wrote.
    if (const auto labels = json.find("labels"); labels != json.end() && reader.same_boot)
        for (const auto& one : *labels) state.overlays.labels.push_back(reader.label(one));
    for (const auto& one : json.at("bans")) state.bans.push_back(reader.ban(one));
    return state;
}

}  // namespace

std::string to_json(const State& state, const std::string& boot) {
    StateJson pending = nullptr;
    if (state.pending)
        pending = {{"number", state.pending->number},
                   {"hash", state.pending->text_hash},
                   {"file", state.pending->file},
                   {"deadline", until_json(state.pending->deadline)}};
    const StateJson json = {{"version", kVersion},
                            {"boot_id", boot},
                            {"saved_unix_ns", unix_ns(wall_now())},
                            {"last_number", state.last_number},
                            {"history", list_json(state.history, generation_json)},
                            {"refused", state.refused},
                            {"pending", std::move(pending)},
                            {"modes", list_json(state.overlays.modes, mode_json)},
                            {"openings", list_json(state.overlays.openings, opening_json)},
                            {"sets", list_json(state.overlays.sets, set_json)},
                            {"labels", list_json(state.overlays.labels, label_json)},
                            {"bans", list_json(state.bans, ban_json)}};
    return json.dump(1, ' ', false, StateJson::error_handler_t::replace) + "\n";
}

Result<State> from_json(const std::string& text, const std::string& boot) {
    try {
        return read_state(StateJson::parse(text), boot);
    } catch (const StateJson::exception& problem) {
        return fail(std::string("it is not what a sensor wrote: ") + problem.what(),
                    "move it away to start without run-time changes");
    }
}

}  // namespace portlid::rollout
