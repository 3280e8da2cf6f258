// SPDX-License-Identifier: Apache-2.0
#include "app/announcer.hpp"

#include <algorithm>

namespace portlid::app {

namespace {

// dockerd needs about 100 ms for a port, more on a busy machine.
constexpr std::uint64_t kQuietNs = 1'500'000'000;
constexpr std::uint64_t kLongestNs = 15'000'000'000;

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
    if (address_of(ports.begin()->second.exposure) != address_of(change.exposure)) return false;
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

Announcer::~Announcer() {
    for (auto& burst : bursts_) tell_news(burst);
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

void Announcer::announce(const std::vector<Change>& changes, BootTime now) {
    const auto known = bursts_.size();  // a burst that begins here holds up none of this call
    for (const auto& change : changes) {
        const auto end = bursts_.begin() + static_cast<std::ptrdiff_t>(known);
        const auto burst =
            std::find_if(bursts_.begin(), end, [&](const auto& one) { return one.takes(change); });
        if (burst != end) {
            if (!burst->news) burst->news_since = now;
            burst->news = true;
            burst->last_at = now;
            burst->add(change);
            continue;
        }
        // What was opened is told before it changes or closes.
        for (auto& other : bursts_)
            if (other.overlaps(change)) tell_news(other);
        Burst fresh{tell(change), change.exposure.port.value, {}, false, {}, now};
        fresh.add(change);
        bursts_.push_back(std::move(fresh));
    }
}

void Announcer::settle(BootTime now) {
    const auto quiet = [now](const Burst& burst) { return now.ns - burst.last_at.ns >= kQuietNs; };
    for (auto& burst : bursts_)
        if (quiet(burst) || now.ns - burst.news_since.ns >= kLongestNs) tell_news(burst);
    std::erase_if(bursts_, quiet);
}

}  // namespace portlid::app
