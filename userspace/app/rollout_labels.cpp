// SPDX-License-Identifier: Apache-2.0
// Container labels, followed once a second: what engines say is asked for, weighed against the
// ceiling of the policy (rollout/labels.hpp), put in force like any other change at run time.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>

#include "app/rollout.hpp"
#include "app/rollout_words.hpp"
#include "base/text.hpp"

namespace portlid::app {

namespace {

using Json = nlohmann::ordered_json;
using rollout::LabelAnswer;
using rollout::LabelAsk;

constexpr std::size_t kAsks = 1024;
constexpr const char* kHint = "labels.ceiling of the policy; portlid status shows every label";

const LabelAsk* find_ask(const std::vector<LabelAsk>& asks, const std::string& id) {
    const auto found =
        std::find_if(asks.begin(), asks.end(), [&](const auto& ask) { return ask.id == id; });
    return found == asks.end() ? nullptr : &*found;
}

std::optional<LabelAsk> ask_of(const identity::Container& container) {
    rollout::LabelSource source{
        container.id, container.name, container.labels, {}, container.started};
    for (const auto& port : container.published)
        if ((port.protocol == 6 || port.protocol == 17) && !port.host_address.is_loopback())
            source.published.push_back({static_cast<policy::PortProtocol>(port.protocol),
                                        port.host_port.value, port.host_port.value});
    return rollout::read_labels(source);
}

bool same_openings(const std::vector<LabelAnswer>& before, const std::vector<LabelAnswer>& after) {
    const auto list = [](const std::vector<LabelAnswer>& answers) {
        std::vector<std::tuple<std::string, std::string, std::optional<BootTime>,
                               std::vector<policy::PortRange>, std::vector<Cidr>>>
            all;
        for (const auto& answer : answers)
            for (const auto& [service, until] : answer.openings)
                all.emplace_back(service.name, service.owner->matches.at("id"), until,
                                 service.ports, service.from);
        return all;
    };
    return list(before) == list(after);
}

}  // namespace

// An engine that does not answer takes nothing back.
std::vector<LabelAsk> Rollout::wanted_labels() const {
    if (!confirmed_.policy.labels_present && !(pending_ && pending_->policy.labels_present))
        return {};
    const auto& old = store_->state().overlays.labels;
    std::vector<LabelAsk> asks;
    bool all_answer = true;
    for (const auto& engine : observer_->engines()) {
        all_answer = all_answer && engine && engine->reachable;
        if (!engine || !engine->reachable) continue;
        for (const auto& [id, container] : engine->containers) {
            auto ask = container.running ? ask_of(container) : std::nullopt;
            if (!ask) continue;
            const auto* before = find_ask(old, id);
            ask->started_at = before != nullptr && before->started == ask->started
                                  ? before->started_at
                                  : rollout::started_at(ask->started, boot_now(), wall_now());
            asks.push_back(std::move(*ask));
        }
    }
    for (const auto& ask : old) {
        const auto knows = [&](const auto& engine) {
            return engine && engine->reachable && engine->find(ask.id) != nullptr;
        };
        const auto& engines = observer_->engines();
        if (!all_answer && std::none_of(engines.begin(), engines.end(), knows)) asks.push_back(ask);
    }
    std::sort(asks.begin(), asks.end());
    if (asks.size() > kAsks) asks.resize(kAsks);
    return asks;
}

Result<> Rollout::set_labels(std::vector<LabelAsk> asks) {
    auto& state = store_->state();
    auto overlays = state.overlays;
    overlays.labels = std::move(asks);
    const auto now = boot_now();
    const auto same = [&](const Candidate& candidate) {
        return same_openings(rollout::label_answers(candidate.policy, state.overlays, now),
                             rollout::label_answers(candidate.policy, overlays, now));
    };
    if (!same(confirmed_) || (pending_ && !same(*pending_)))
        return take_overlays(std::move(overlays), {"labels", {0, 0}, false, "", 0});
    state.overlays = std::move(overlays);
    save();
    return {};
}

void Rollout::follow_labels() {
    if (observer_ == nullptr) return;
    auto asks = wanted_labels();
    const auto& old = store_->state().overlays.labels;
    const bool failed_before = labels_failed_ && labels_failed_->first == policies_.generation() &&
                               labels_failed_->second == asks;
    const bool news = asks != old || labels_generation_ != policies_.generation();
    if (asks != old && !failed_before) {
        labels_failed_.reset();
        if (auto done = set_labels(asks); !done) {
            const auto& error = done.error();
            spdlog::error("container labels change nothing: {}", error.message);
            tell_rejected("container labels", {error.message}, error.hint);
            labels_failed_ = {policies_.generation(), std::move(asks)};
        }
    }
    if (news) tell_refused_labels();
    labels_generation_ = policies_.generation();
}

void Rollout::tell_rejected(const std::string& who, const std::vector<std::string>& why,
                            const std::string& hint) {
    std::vector<event::PolicyError> errors;
    for (const auto& sentence : why) errors.push_back({who, 0, 0, sentence, hint});
    emitter_->emit(
        event::Kind::PolicyRejected,
        event::policy_rejected_body(emitter_->origin(), policies_.file().string(), errors));
}

// Once for each run of a container and each thing that is wrong with its labels.
void Rollout::tell_refused_labels() {
    const auto& overlays = store_->state().overlays;
    std::set<std::string> told;
    const auto answers =
        rollout::label_answers((pending_ ? *pending_ : confirmed_).policy, overlays, boot_now());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& ask = overlays.labels[i];
        if (answers[i].refused.empty()) continue;
        auto key = ask.id + ask.started;
        for (const auto& sentence : answers[i].refused) key += '\n' + sentence;
        if (!labels_told_.contains(key)) {
            const auto who = "container " + printable(ask.container, 128);
            spdlog::warn("{}: {}", who, answers[i].refused.front());
            tell_rejected(who, answers[i].refused, kHint);
        }
        told.insert(std::move(key));
    }
    labels_told_ = std::move(told);
}

Json Rollout::labels_json() const {
    const auto& overlays = store_->state().overlays;
    Json list = Json::array();
    const auto answers =
        rollout::label_answers((pending_ ? *pending_ : confirmed_).policy, overlays, boot_now());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& ask = overlays.labels[i];
        Json open = Json::array(), ended = Json::array(), from = Json::array();
        rollout::Until until;
        for (const auto& opening : answers[i].openings) {
            for (const auto& range : opening.service.ports) open.push_back(to_string(range));
            if (opening.until && (!until || *opening.until < *until)) until = opening.until;
        }
        for (const auto& range : answers[i].ended) ended.push_back(to_string(range));
        for (const auto& word : ask.from) from.push_back(printable(word, 128));
        list.push_back({{"container", printable(ask.container, 128)},
                        {"id", ask.id.substr(0, 12)},
                        {"open", std::move(open)},
                        {"from", std::move(from)},
                        {"ended", std::move(ended)},
                        {"refused", answers[i].refused},
                        {"until", until_json(until)},
                        {"remaining_s", remaining_json(until)}});
    }
    return list;
}

}  // namespace portlid::app
