// SPDX-License-Identifier: Apache-2.0
// Who holds which port, kept current: ring records as they come, a sweep every few seconds, engine
// snapshots when they change; joined with policy and UFW into exposures, whose changes are events.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/announcer.hpp"
#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/policy_store.hpp"
#include "identity/engine.hpp"
#include "inventory/exposure.hpp"
#include "inventory/tracker.hpp"

namespace portlid::app {

using EngineSnapshots = std::vector<std::shared_ptr<const identity::EngineSnapshot>>;

class Observer {
public:
    Observer(const PolicyStore& policies, const Coverage& coverage, Emitter& emitter);

    // A socket record: into the table, and out as socket.bind, .listen or .close.
    void record(const event::SocketRecord& record);
    // Every socket of every network namespace; what the table did not know is corrected.
    void sweep();
    // Asked each second: true when something is known that only a sweep can name, and every 5 s.
    // While every hook is in place and tells of nothing, a sweep is the dearest thing that an idle
    // sensor does: every 15 s.
    [[nodiscard]] bool wants_sweep();
    void set_engines(EngineSnapshots engines);
    void set_nat(std::shared_ptr<const nat::Rules> rules);
    // Policy, interfaces or UFW may have changed.
    void invalidate() { stale_ = true; }
    // Joins again when something changed, and reports exposure.* for the difference. The first
    // call reports what was there before the sensor. True when it joined again.
    bool settle();
    // A join was put off, or a burst of changes is not over: settle() is to be called again soon.
    [[nodiscard]] bool owes_news() const { return stale_ || announcer_.holds_bursts(); }
    // What of that is still held goes out: the end of a run.
    void finish() { announcer_.flush(); }

    // The current join. It is made anew when something changed, but not more often than its size
    // allows (20 us an item): a burst of sockets must not cost a join each. `fresh` insists.
    [[nodiscard]] const std::vector<inventory::Exposure>& exposures(bool fresh = false);
    // Who would have got a packet to this host's port.
    [[nodiscard]] std::optional<event::TargetView> target(std::uint8_t protocol,
                                                          const IpAddress& destination,
                                                          HostPort port);
    [[nodiscard]] const EngineSnapshots& engines() const { return engines_; }
    [[nodiscard]] const std::shared_ptr<const nat::Rules>& nat() const { return nat_; }
    [[nodiscard]] const inventory::Listener* listener(std::uint64_t cookie) const {
        return table_.find(cookie);
    }
    [[nodiscard]] std::vector<inventory::Listener> listeners() const { return table_.listeners(); }
    [[nodiscard]] std::uint32_t host_netns() const { return host_netns_; }

private:
    void join();
    [[nodiscard]] static const inventory::Exposure* holder_of(
        const std::vector<inventory::Exposure>& among, std::uint8_t protocol,
        const IpAddress& destination, HostPort port);
    [[nodiscard]] std::shared_ptr<const nat::Rules> own_nat() const;
    void announce_containers(const EngineSnapshots& fresh);
    [[nodiscard]] std::optional<event::ContainerView> container(const std::string& id) const;
    [[nodiscard]] event::SocketView view_of(const event::SocketRecord& record);
    [[nodiscard]] std::string inner_endpoint(const inventory::Exposure& exposure) const;

    const PolicyStore& policies_;
    const Coverage& coverage_;
    Emitter& emitter_;
    Announcer announcer_;
    identity::ProcRoot proc_;
    inventory::ListenerTable table_;
    EngineSnapshots engines_;
    std::shared_ptr<const nat::Rules> nat_;
    // The same list while nothing changed: at 10,000 listeners a copy is megabytes.
    using Exposures = std::shared_ptr<const std::vector<inventory::Exposure>>;
    Exposures exposures_ = std::make_shared<std::vector<inventory::Exposure>>();
    Exposures announced_ = exposures_;
    BootTime joined_at_;
    std::uint32_t host_netns_ = 0;
    std::uint64_t joins_ = 0;    // how often the join was made
    std::uint64_t settled_ = 0;  // the one whose changes were reported last
    bool heard_ = true;          // a record since the last sweep
    unsigned seconds_since_sweep_ = 0;
    bool stale_ = true;
};

}  // namespace portlid::app
