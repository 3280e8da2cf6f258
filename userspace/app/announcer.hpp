// SPDX-License-Identifier: Apache-2.0
// Changes of exposures become events. What somebody opens, or loses, port by port (an engine that
// publishes a range takes seconds for it) is one event: the first ports go out at once, what the
// same holder adds meanwhile comes as an update of it when the burst is over.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "app/emitter.hpp"
#include "base/clock.hpp"
#include "inventory/exposure_diff.hpp"

namespace portlid::app {

class Announcer {
public:
    explicit Announcer(Emitter& emitter) : emitter_(emitter) {}
    ~Announcer();  // what is held goes out
    Announcer(const Announcer&) = delete;
    Announcer& operator=(const Announcer&) = delete;

    // In the order of inventory::diff().
    void announce(std::vector<inventory::ExposureChange> changes, BootTime now);
    // Bursts that are over go out; to be called every 100 ms or so.
    void settle(BootTime now);

private:
    // Ports of one address that one program opened, changed or closed in quick succession.
    struct Burst {
        using Key =
            std::tuple<event::Kind, std::string, std::uint8_t, Family, IpAddress, std::uint32_t>;
        Key key;
        event::Event told;                // the last event that went out for it
        inventory::ExposureChange range;  // what that one said
        std::vector<inventory::ExposureChange> held;
        BootTime held_since, last;
    };
    [[nodiscard]] static Burst::Key key_of(const inventory::ExposureChange& change);
    [[nodiscard]] static bool over(const Burst& burst, BootTime now);
    void tell(Burst& burst, const inventory::ExposureChange& change);
    void tell_held(Burst& burst);
    void settle_others(const inventory::ExposureChange& change);

    Emitter& emitter_;
    std::vector<Burst> bursts_;
};

}  // namespace portlid::app
