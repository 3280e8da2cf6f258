// SPDX-License-Identifier: Apache-2.0
#include "app/announcer.hpp"

#include <algorithm>

namespace portlid::app {

namespace {

// dockerd needs about 100 ms for a port, more on a busy machine.
constexpr std::uint64_t kQuietNs = 1'500'000'000;
constexpr std::uint64_t kLongestNs = 15'000'000'000;
// A first join or another policy changes much at once: each is whole already. A copy of each port
// is kept, so a burst is no larger than what a range costs that somebody publishes port by port.
constexpr std::size_t kMostChanges = 64;
constexpr std::size_t kMostPorts = 1024;

auto address_of(const inventory::Exposure& exposure) {
    return std::tie(exposure.protocol, exposure.family, exposure.address, exposure.netns);
}

}  // namespace

bool Announcer::Burst::overlaps(const Change& change) const {
    return address_of(ports.begin()->second.exposure) == address_of(change.exposure) &&
           change.exposure.port.value <= ports.rbegin()->first &&
           change.last_port.value >= ports.begin()->first;
}

bool Announcer::Burst::takes(const Change& change) const {
    if (over || ports.size() + change.ports() > kMostPorts ||
        address_of(ports.begin()->second.exposure) != address_of(change.exposure))
        return false;
    const int first = ports.begin()->first;
    const int last = ports.rbegin()->first;
    if (change.kind == told.kind)
        return change.exposure.port.value <= last + 1 && change.last_port.value >= first - 1;
    // While a range is being published its verdicts move with every rule that the engine adds.
    const bool unsettled = ports.size() > 1 || change.previous == change.exposure.verdict;
    return told.kind == event::Kind::ExposureOpened && unsettled &&
           change.kind == event::Kind::ExposureChanged && change.exposure.port.value >= first &&
           change.last_port.value <= last;
}

void Announcer::Burst::add(const Change& change) {
    for (unsigned port = change.exposure.port.value; port <= change.last_port.value; ++port) {
        Change one = change;
        one.kind = told.kind;
        if (told.kind == event::Kind::ExposureOpened) one.previous.reset();
        one.exposure.port = one.last_port = {static_cast<std::uint16_t>(port)};
        ports.insert_or_assign(one.exposure.port.value, std::move(one));
    }
}

void Announcer::flush() {
    for (auto& burst : bursts_) tell_news(burst);
    bursts_.clear();
}

event::Event Announcer::tell(const Change& change) {
    auto event = event::make_event(change.kind, change.severity);
    event.body = inventory::change_body(emitter_.origin(), change);
    emitter_.emit(event);
    return event;
}

// The range around the port that was told is an update of that event; others, of other holders, are
// events of their own.
void Announcer::tell_news(Burst& burst) {
    if (!burst.news) return;
    burst.news = false;
    std::vector<Change> all;
    for (auto& [port, change] : burst.ports) all.push_back(change);
    for (const auto& range : inventory::coalesced(std::move(all))) {
        if (burst.told_port < range.exposure.port.value ||
            burst.told_port > range.last_port.value) {
            (void)tell(range);
            for (unsigned port = range.exposure.port.value; port <= range.last_port.value; ++port)
                burst.ports.erase(static_cast<std::uint16_t>(port));
            continue;
        }
        auto body = inventory::change_body(emitter_.origin(), range);
        if (body == burst.told.body) continue;
        burst.told.body = std::move(body);
        burst.told.severity = range.severity;
        ++burst.told.rev;
        emitter_.emit(burst.told);
    }
}

// The burst that has the port already, else one that it is a neighbour of.
Announcer::Burst* Announcer::taker_of(const Change& change, std::size_t known) {
    Burst* taker = nullptr;
    for (std::size_t i = 0; i < known; ++i) {
        auto& burst = bursts_[i];
        if (burst.takes(change) && (taker == nullptr || burst.overlaps(change))) taker = &burst;
    }
    return taker;
}

void Announcer::announce(const std::vector<Change>& changes, BootTime now) {
    const auto known = bursts_.size();  // a burst that begins here holds up none of this call
    for (const auto& change : changes) {
        Burst* taker = taker_of(change, known);
        // What was opened is told before it changes or closes, and is not told again after that.
        for (std::size_t i = 0; i < known; ++i) {
            auto& other = bursts_[i];
            if (&other == taker || other.over || !other.overlaps(change)) continue;
            tell_news(other);
            other.over = true;
        }
        if (taker != nullptr) {
            if (!taker->news) taker->news_since = now;
            taker->news = true;
            taker->last_at = now;
            taker->add(change);
            if (change.severity >= event::Severity::Medium &&
                change.severity > taker->told.severity)
                tell_news(*taker);
            continue;
        }
        auto told = tell(change);
        if (changes.size() > kMostChanges || change.ports() > kMostPorts) continue;
        Burst fresh{std::move(told), change.exposure.port.value, {}, false, false, {}, now};
        fresh.add(change);
        bursts_.push_back(std::move(fresh));
    }
}

void Announcer::settle(BootTime now) {
    const auto quiet = [now](const Burst& burst) { return now.ns - burst.last_at.ns >= kQuietNs; };
    for (auto& burst : bursts_)
        if (quiet(burst) || now.ns - burst.news_since.ns >= kLongestNs) tell_news(burst);
    std::erase_if(bursts_, [&](const Burst& burst) { return burst.over || quiet(burst); });
}

}  // namespace portlid::app
