// SPDX-License-Identifier: Apache-2.0
#include "learn/replay.hpp"

#include <netinet/in.h>

#include <algorithm>

#include "event/decode.hpp"
#include "learn/learn.hpp"
#include "policy/simulate.hpp"

namespace portlid::learn {

namespace {

using Json = nlohmann::ordered_json;

// Bans hold under every policy, and what never reached the policy's own rows is as it was.
bool replayable(const history::Flow& flow) {
    switch (flow.why) {
        case REASON_failsafe:
        case REASON_denied:
        case REASON_allowed:
        case REASON_limited:
        case REASON_source_not_allowed:
        case REASON_owner_absent:
        case REASON_no_service:
        case REASON_zone_default:
        case REASON_ping:
        case REASON_ping_denied:
        case REASON_protocol:
        case REASON_protocol_denied:
            return flow.destination_kind == "own" || flow.destination_kind == "other";
        default:
            return false;
    }
}

std::optional<Ruling> ask(const policy::CompiledPolicy& policy, const history::Flow& flow) {
    const auto zone = std::find(policy.zones.begin(), policy.zones.end(), flow.zone);
    if (zone == policy.zones.end()) return std::nullopt;
    policy::HostTables tables;
    tables.own = {flow.destination};
    const auto judged =
        policy::judge_probe(policy, tables,
                            {.zone = static_cast<unsigned>(zone - policy.zones.begin()),
                             .protocol = flow.protocol,
                             .source = flow.source,
                             .destination = flow.destination,
                             .port = flow.port});
    const auto& rule = policy.rules.at(judged.rule);
    return Ruling{judged.verdict, judged.why, rule.name, rule.source};
}

bool same_subject(const history::Flow& a, const history::Flow& b) {
    return a.source == b.source && a.zone == b.zone && a.protocol == b.protocol && a.port == b.port;
}

bool same(const Ruling& a, const Ruling& b) {
    return a.verdict == b.verdict;
}

Json ruling_json(const Ruling& ruling) {
    return {{"verdict", event::verdict_name(ruling.verdict)},
            {"reason", event::reason_word(ruling.why)},
            {"rule", {{"name", ruling.rule}, {"source", ruling.rule_source}}}};
}

Json changed_json(const Changed& changed) {
    const auto& flow = changed.flow;
    const auto& target = *flow.target;
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    return {{"source", source_prefix(flow.source).to_string()},
            {"zone", flow.zone},
            {"interface", flow.interface_name},
            {"transport", event::protocol_name(flow.protocol)},
            {"port", flow.port.value},
            {"destination", flow.destination.to_string()},
            {"container", or_null(target.container)},
            {"exe", or_null(target.exe)},
            {"packets", flow.packets},
            {"first", to_rfc3339(flow.first)},
            {"last", to_rfc3339(flow.last)},
            {"use", changed.use},
            {"cut", changed.cut()},
            {"before", ruling_json(changed.before)},
            {"after", ruling_json(changed.after)}};
}

}  // namespace

std::size_t Replayed::cut() const {
    return static_cast<std::size_t>(
        std::count_if(changed.begin(), changed.end(), [](const auto& one) { return one.cut(); }));
}

std::size_t Replayed::cut_uses() const {
    return static_cast<std::size_t>(std::count_if(
        changed.begin(), changed.end(), [](const auto& one) { return one.cut() && one.use; }));
}

std::size_t Replayed::let_in() const {
    return static_cast<std::size_t>(std::count_if(changed.begin(), changed.end(),
                                                  [](const auto& one) { return one.let_in(); }));
}

Result<Replay> Replay::make(const policy::Policy& before, const policy::Policy& after) {
    auto first = policy::compile(before);
    if (!first) return pass_on(first.error(), "the policy in force");
    auto second = policy::compile(after);
    if (!second) return pass_on(second.error());
    return Replay(std::move(*first), std::move(*second));
}

void Replay::judge() {
    if (!current_) return;
    const auto flow = std::move(*current_);
    current_.reset();
    auto before = ask(before_, flow);
    auto after = ask(after_, flow);
    if (!before || !after) {
        ++result_.left_out;
        return;
    }
    ++result_.flows;
    if (same(*before, *after)) return;
    const bool use = history::is_use(flow);
    result_.changed.push_back({flow, std::move(*before), std::move(*after), use});
}

void Replay::add(const history::Flow& flow) {
    if (!replayable(flow)) {
        ++result_.left_out;
        return;
    }
    if (!current_ || !same_subject(*current_, flow)) {
        judge();
        current_ = flow;
        return;
    }
    auto& known = *current_;
    known.packets += flow.packets;
    known.syns += flow.syns;
    known.acks += flow.acks;
    known.first = std::min(known.first, flow.first);
    known.last = std::max(known.last, flow.last);
    if (flow.listener) known.target = flow.target;
    known.listener |= flow.listener;
}

Replayed Replay::finish() {
    judge();
    std::stable_sort(result_.changed.begin(), result_.changed.end(),
                     [](const Changed& a, const Changed& b) {
                         const auto rank = [](const Changed& c) { return c.cut() && c.use; };
                         if (rank(a) != rank(b)) return rank(a);
                         return a.flow.packets > b.flow.packets;
                     });
    return std::move(result_);
}

Json replay_json(const Replayed& replayed, WallTime since) {
    Json changed = Json::array();
    for (const auto& one : replayed.changed) changed.push_back(changed_json(one));
    return {{"since", to_rfc3339(since)},      {"flows", replayed.flows},
            {"left_out", replayed.left_out},   {"cut", replayed.cut()},
            {"cut_uses", replayed.cut_uses()}, {"let_in", replayed.let_in()},
            {"changed", std::move(changed)}};
}

}  // namespace portlid::learn
