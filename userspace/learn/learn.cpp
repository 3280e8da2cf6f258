// SPDX-License-Identifier: Apache-2.0
#include "learn/learn.hpp"

#include <netinet/in.h>

#include <algorithm>

#include "learn/services.hpp"

namespace portlid::learn {

namespace {

constexpr std::size_t kScannersShown = 10;

// What an operator refused by name is never learnt; what cannot be a new flow says nothing.
bool counts(const history::Flow& flow) {
    switch (flow.why) {
        case REASON_allowed:
        case REASON_zone_default:
        case REASON_failsafe:
        case REASON_no_service:
        case REASON_source_not_allowed:
        case REASON_owner_absent:
        case REASON_limited:
        case REASON_ping_denied:
        case REASON_protocol_denied:
            return true;
        default:
            return false;
    }
}

void merge(history::Flow& into, const history::Flow& more) {
    into.packets += more.packets;
    into.syns += more.syns;
    into.acks += more.acks;
    into.first = std::min(into.first, more.first);
    into.last = std::max(into.last, more.last);
    if (more.listener) into.target = more.target;
    into.listener |= more.listener;
}

}  // namespace

void Learner::add(const history::Flow& flow) {
    ++result_.flows;
    if (!counts(flow)) return;
    if (flow.source != source_) judge_source();
    source_ = flow.source;
    const PortKey key{flow.zone, flow.protocol, flow.port.value};
    // What was dropped was tried, and cannot have been used.
    auto seen = flow;
    if (flow.verdict == VERDICT_drop) seen.packets = seen.syns = seen.acks = 0;
    const auto [known, fresh] = tried_.try_emplace(key, seen);
    if (!fresh) merge(known->second, seen);
}

void Learner::note_scanner(std::size_t ports) {
    ++result_.scanners_total;
    auto& list = result_.scanners;
    list.push_back({source_prefix(source_).to_string(), ports});
    std::stable_sort(list.begin(), list.end(),
                     [](const Scanner& a, const Scanner& b) { return a.ports > b.ports; });
    if (list.size() > kScannersShown) list.pop_back();
}

void Learner::take(const PortKey& key, const history::Flow& flow) {
    result_.zones.insert(key.zone);
    if (key.protocol == IPPROTO_ICMP || key.protocol == IPPROTO_ICMPV6) {
        result_.pinged = true;
        return;
    }
    if (key.protocol != IPPROTO_TCP && key.protocol != IPPROTO_UDP) {
        result_.protocols.insert(key.protocol);
        return;
    }
    auto [known, fresh] = used_.try_emplace(key);
    auto& [sources, evidence] = known->second;
    evidence.first = fresh ? flow.first : std::min(evidence.first, flow.first);
    evidence.last = std::max(evidence.last, flow.last);
    evidence.packets += flow.packets;
    if (flow.listener) evidence.target = flow.target;
    sources.insert(source_);
    if (evidence.some_sources.size() < kSourcesShown) evidence.some_sources.insert(source_);
    evidence.sources = sources.size();
}

void Learner::judge_source() {
    const auto unused =
        static_cast<std::size_t>(std::count_if(tried_.begin(), tried_.end(), [](const auto& entry) {
            return !history::is_use(entry.second);
        }));
    result_.probes += unused;
    if (unused >= kScannerPorts)
        note_scanner(unused);
    else
        for (const auto& [key, flow] : tried_)
            if (history::is_use(flow)) take(key, flow);
    tried_.clear();
}

Learnt Learner::finish() {
    judge_source();
    std::vector<UsedPort> ports;
    for (auto& [key, use] : used_)
        ports.push_back({key.zone, static_cast<policy::PortProtocol>(key.protocol), key.port_host,
                         std::move(use.sources), std::move(use.evidence)});
    used_.clear();
    result_.services = services_of(policy_, ports);
    return std::move(result_);
}

Learnt learn(const policy::Policy& in_force, std::span<const history::Flow> flows) {
    std::vector<const history::Flow*> sorted;
    for (const auto& flow : flows) sorted.push_back(&flow);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto* a, const auto* b) { return a->source < b->source; });
    Learner learner(in_force);
    for (const auto* flow : sorted) learner.add(*flow);
    return learner.finish();
}

Cidr source_prefix(const IpAddress& source) {
    const bool v4 = source.family() == Family::IPv4;
    return {source, static_cast<std::uint8_t>(v4 ? 32 : 64)};
}

}  // namespace portlid::learn
