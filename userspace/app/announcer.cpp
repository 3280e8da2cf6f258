// SPDX-License-Identifier: Apache-2.0
#include "app/announcer.hpp"

#include <algorithm>
#include <utility>

namespace portlid::app {

namespace {

// A burst is over when so long nothing was added to it; what is held waits no longer than that.
constexpr std::uint64_t kQuietNs = 700'000'000;
constexpr std::uint64_t kLongestNs = 5'000'000'000;

std::string holder_of_change(const inventory::Exposure& exposure) {
    if (!exposure.holder) return {};
    const auto& container = exposure.holder->container;
    return exposure.holder->exe + '\0' + (container ? container->id : std::string());
}

}  // namespace

Announcer::~Announcer() {
    for (auto& burst : bursts_) tell_held(burst);
}

Announcer::Burst::Key Announcer::key_of(const inventory::ExposureChange& change) {
    const auto& exposure = change.exposure;
    return {change.kind,     holder_of_change(exposure), exposure.protocol,
            exposure.family, *exposure.address,          exposure.netns};
}

bool Announcer::over(const Burst& burst, BootTime now) {
    if (now.ns - burst.last.ns >= kQuietNs) return true;
    return !burst.held.empty() && now.ns - burst.held_since.ns >= kLongestNs;
}

void Announcer::tell(Burst& burst, const inventory::ExposureChange& change) {
    burst.told = event::make_event(change.kind, change.severity);
    burst.told.body = inventory::change_body(emitter_.origin(), change);
    burst.range = change;
    emitter_.emit(burst.told);
}

// Neighbours of what was told are an update of that; the rest are events of their own.
void Announcer::tell_held(Burst& burst) {
    auto held = inventory::coalesced(std::exchange(burst.held, {}));
    for (auto& change : held) {
        if (!inventory::continues(burst.range, change)) {
            tell(burst, change);
            continue;
        }
        burst.range.last_port = change.last_port;
        ++burst.told.rev;
        burst.told.body = inventory::change_body(emitter_.origin(), burst.range);
        emitter_.emit(burst.told);
    }
}

// What was opened is told before it changes or closes.
void Announcer::settle_others(const inventory::ExposureChange& change) {
    for (auto& burst : bursts_)
        if (std::get<0>(burst.key) != change.kind &&
            std::any_of(burst.held.begin(), burst.held.end(), [&](const auto& held) {
                return inventory::same_place(held.exposure, change.exposure);
            }))
            tell_held(burst);
}

void Announcer::announce(std::vector<inventory::ExposureChange> changes, BootTime now) {
    const auto known = bursts_.size();  // a burst that begins here holds up none of this call
    for (auto& change : changes) {
        settle_others(change);
        const auto key = key_of(change);
        auto burst = std::find_if(bursts_.begin(), bursts_.end(),
                                  [&](const auto& one) { return one.key == key; });
        if (burst == bursts_.end()) burst = bursts_.insert(burst, Burst{key, {}, {}, {}, {}, {}});
        burst->last = now;
        if (static_cast<std::size_t>(burst - bursts_.begin()) >= known) {
            tell(*burst, change);
            continue;
        }
        if (burst->held.empty()) burst->held_since = now;
        burst->held.push_back(std::move(change));
    }
}

void Announcer::settle(BootTime now) {
    for (auto& burst : bursts_)
        if (over(burst, now)) tell_held(burst);
    std::erase_if(bursts_, [now](const auto& burst) { return now.ns - burst.last.ns >= kQuietNs; });
}

}  // namespace portlid::app
