// SPDX-License-Identifier: Apache-2.0
// Changes of exposures become events. What is opened, or lost, port by port is one event: an engine
// that publishes a range takes seconds for it, and only then says whose the ports are. The first
// ports go out at once; neighbours that follow, and what is learnt of them, come as an update of
// that event (same id, rev + 1) when the burst is over, or at once when they are worse. What is
// undone in the meantime ends the burst: the last state is told, whatever happened on the way.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "app/emitter.hpp"
#include "base/clock.hpp"
#include "inventory/exposure_diff.hpp"

namespace portlid::app {

class Announcer {
public:
    explicit Announcer(Emitter& emitter) : emitter_(emitter) {}

    // In the order of inventory::diff().
    void announce(const std::vector<inventory::ExposureChange>& changes, BootTime now);
    // Bursts that are over go out; to be called every 100 ms or so while any is held.
    void settle(BootTime now);
    [[nodiscard]] bool holds_bursts() const { return !bursts_.empty(); }
    // What is held goes out: the end of a run.
    void flush();

private:
    using Change = inventory::ExposureChange;
    // Neighbouring ports of one address, opened, changed or closed in quick succession.
    struct Burst {
        event::Event told;                      // what went out last
        std::uint16_t told_port = 0;            // a port that it names
        std::map<std::uint16_t, Change> ports;  // each as it is known now
        bool news = false;                      // not all of that is told
        bool over = false;                      // takes nothing more
        BootTime news_since, last_at;
        [[nodiscard]] bool takes(const Change& change) const;
        [[nodiscard]] bool overlaps(const Change& change) const;
        void add(const Change& change);
    };
    [[nodiscard]] Burst* taker_of(const Change& change, std::size_t known);
    [[nodiscard]] event::Event tell(const Change& change);
    void tell_news(Burst& burst);

    Emitter& emitter_;
    std::vector<Burst> bursts_;
};

}  // namespace portlid::app
