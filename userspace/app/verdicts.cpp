// SPDX-License-Identifier: Apache-2.0
#include "app/verdicts.hpp"

#include <algorithm>
#include <set>

namespace portlid::app {

namespace {

const char* mode_word(verdict_word verdict) {
    return verdict == VERDICT_drop ? "enforce" : "monitor";
}

bool matches(const kernel::RecentVerdict& entry, unsigned zone, int why, int verdict) {
    return entry.key.zone == zone && entry.key.reason == why && entry.key.verdict == verdict;
}

// Names can still come: nobody is known, or a container only by its id.
bool incomplete(const std::optional<event::TargetView>& target) {
    return !target || (target->container && target->container->name.empty());
}

bool says_more(const std::optional<event::TargetView>& now,
               const std::optional<event::TargetView>& before) {
    if (!now) return false;
    return !before || (now->container &&
                       (!before->container || before->container->name != now->container->name));
}

constexpr std::uint64_t kPatienceNs = 5'000'000'000;
constexpr std::size_t kMaxPending = 64;

}  // namespace

Verdicts::Verdicts(kernel::Sensor& sensor, PolicyStore& policies, Coverage& coverage,
                   Emitter& emitter, FindTarget find_target)
    : sensor_(sensor),
      policies_(policies),
      coverage_(coverage),
      emitter_(emitter),
      find_target_(std::move(find_target)),
      window_began_(boot_now()) {
    // Adopted counters were told by the run that counted them.
    for (const auto& [key, total] : read_totals())
        tallies_[key] = {static_cast<std::int64_t>(total), total};
}

void Verdicts::record(const event::VerdictRecord& verdict) {
    const auto rule = policies_.rule(verdict.generation, verdict.rule, verdict.why);
    const auto& zones = policies_.compiled().zones;
    event::VerdictView view;
    view.mode = mode_word(verdict.verdict);
    view.rule = {rule.name, rule.source};
    view.interface_name = coverage_.name_of(verdict.ifindex);
    view.zone = verdict.zone < zones.size() ? zones[verdict.zone] : std::string();
    view.target = find_target_(verdict.protocol, verdict.destination, verdict.destination_port);
    ++tallies_[{verdict.ifindex, view.zone, verdict.why, verdict.verdict}].told;
    auto event = event::make_event(
        event::Kind::NetVerdict,
        event::severity_of(verdict.why, verdict.verdict, view.target.has_value()));
    event.time = to_wall(verdict.time);
    event.body = event::verdict_body(emitter_.origin(), verdict, view);
    emitter_.emit(event);
    if (!incomplete(view.target) || pending_.size() >= kMaxPending) return;
    pending_.push_back({std::move(event), verdict, std::move(view)});
}

void Verdicts::complete() {
    const auto now = boot_now();
    while (!pending_.empty() && now.ns - pending_.front().record.time.ns > kPatienceNs)
        pending_.pop_front();
    for (auto& [event, record, view] : pending_) {
        auto target = find_target_(record.protocol, record.destination, record.destination_port);
        if (!says_more(target, view.target)) continue;
        view.target = std::move(target);
        ++event.rev;
        event.severity = event::severity_of(record.why, record.verdict, true);
        event.body = event::verdict_body(emitter_.origin(), record, view);
        emitter_.emit(event);
    }
}

std::map<Verdicts::Key, std::uint64_t> Verdicts::read_totals() const {
    std::map<Key, std::uint64_t> totals;
    for (const auto& [index, covered] : coverage_.interfaces()) {
        const auto counters = sensor_.counters(index);
        for (int why = 0; why < REASON_COUNT; ++why)
            for (const int verdict : {VERDICT_drop, VERDICT_would_drop}) {
                const auto count =
                    counters[static_cast<std::size_t>(why)][static_cast<std::size_t>(verdict)]
                        .packets;
                if (count != 0) totals[{index, covered.zone, why, verdict}] = count;
            }
    }
    return totals;
}

// Packets counted and not told yet, per (zone, reason, verdict). An event still in the ring is
// counted already: what is told twice now is made up for in the next window.
std::map<Verdicts::SummaryKey, std::uint64_t> Verdicts::untold() {
    std::map<SummaryKey, std::uint64_t> rests;
    for (const auto& [key, total] : read_totals()) {
        auto& tally = tallies_[key];
        if (total < tally.counted) tally.told = 0;  // the interface came back with fresh counters
        tally.counted = total;
        const auto rest = static_cast<std::int64_t>(total) - tally.told;
        if (rest <= 0) continue;
        tally.told += rest;
        const auto& [ifindex, zone, why, verdict] = key;
        rests[{zone, why, verdict}] += static_cast<std::uint64_t>(rest);
    }
    return rests;
}

void Verdicts::close_window() {
    const auto recent = sensor_.take_recent_verdicts();
    for (const auto& [key, count] : untold()) summarise(key, count, recent);
    window_began_ = boot_now();
}

void Verdicts::summarise(const SummaryKey& key, std::uint64_t count,
                         const std::vector<kernel::RecentVerdict>& recent) {
    const auto& [zone, why, verdict] = key;
    const auto& zones = policies_.compiled().zones;
    const auto index =
        static_cast<unsigned>(std::find(zones.begin(), zones.end(), zone) - zones.begin());
    event::SummaryView view;
    view.mode = mode_word(static_cast<verdict_word>(verdict));
    view.why = static_cast<reason>(why);
    view.verdict = static_cast<verdict_word>(verdict);
    view.zone = zone;
    view.count = count;
    view.first = window_began_;
    view.last = boot_now();
    std::map<IpAddress, std::uint64_t> sources;
    std::set<std::uint32_t> ports;
    std::uint64_t first = ~0ULL;
    std::uint64_t last = 0;
    for (const auto& entry : recent) {
        if (!matches(entry, index, why, verdict)) continue;
        sources[IpAddress::from_bytes(entry.key.source)] += entry.state.packets;
        ports.insert(static_cast<std::uint32_t>(entry.key.protocol) << 16U |
                     entry.key.destination_port_host);
        first = std::min<std::uint64_t>(first, entry.state.first_boot_ns);
        last = std::max<std::uint64_t>(last, entry.state.last_boot_ns);
    }
    if (last != 0) {
        view.first = {first};
        view.last = {last};
    }
    view.distinct_sources = sources.size();
    view.distinct_ports = ports.size();
    for (const auto& [address, packets] : sources) view.sources.push_back({address, packets});
    emitter_.emit(event::Kind::NetSummary, event::severity_of(view.why, view.verdict, false),
                  event::summary_body(emitter_.origin(), view));
}

}  // namespace portlid::app
