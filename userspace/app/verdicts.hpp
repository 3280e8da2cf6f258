// SPDX-License-Identifier: Apache-2.0
// Packet verdicts as events: the first of its kind at once, the rest as one exact summary a
// window (contract §4). Totals are exact: events and summaries together add up to the counters.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/policy_store.hpp"
#include "event/decode.hpp"

namespace portlid::app {

class Verdicts {
public:
    // Who would have got a packet to (protocol, address, port).
    using FindTarget = std::function<std::optional<event::TargetView>(
        std::uint8_t protocol, const IpAddress& destination, HostPort port)>;

    Verdicts(kernel::Sensor& sensor, PolicyStore& policies, Coverage& coverage, Emitter& emitter,
             FindTarget find_target);

    void record(const event::VerdictRecord& verdict);
    // Verdicts whose target was not known when they were told: a listener or a container's name
    // that has been learnt since goes out as an update (same id, next rev). Called when the
    // inventory may have changed.
    void complete();
    // Ends a window: what was counted and not sent as an event of its own becomes a summary.
    // Called every 10 s, and once at the end.
    void close_window();

private:
    using Key = std::tuple<std::uint32_t, std::string, int, int>;  // ifindex, zone, reason, verdict
    using SummaryKey = std::tuple<std::string, int, int>;          // zone, reason, verdict
    struct Tally {
        std::int64_t told = 0;      // events sent and packets summarised
        std::uint64_t counted = 0;  // by the kernel, when last looked at
    };
    [[nodiscard]] std::map<Key, std::uint64_t> read_totals() const;
    [[nodiscard]] std::map<SummaryKey, std::uint64_t> untold();
    void summarise(const SummaryKey& key, std::uint64_t count,
                   const std::vector<kernel::RecentVerdict>& recent);

    // An event that may still learn whom its packet was for.
    struct Pending {
        event::Event event;
        event::VerdictRecord record;
        event::VerdictView view;
    };

    kernel::Sensor& sensor_;
    PolicyStore& policies_;
    Coverage& coverage_;
    Emitter& emitter_;
    FindTarget find_target_;
    std::map<Key, Tally> tallies_;
    std::deque<Pending> pending_;
    BootTime window_began_;
};

}  // namespace portlid::app
