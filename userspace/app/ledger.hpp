// SPDX-License-Identifier: Apache-2.0
// What goes into the history: events as they were numbered, and what the kernel has noted of each
// (source, port), which is more than the budgets of events let out.
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <set>

#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/observer.hpp"
#include "app/policy_store.hpp"
#include "app/rollout.hpp"
#include "history/history.hpp"
#include "kernel/uses.hpp"

namespace portlid::app {

class Ledger {
public:
    // Of one window's probes (one packet, or any number to a port that nobody holds) no more than
    // these are recorded, and the rest is counted. Uses are always recorded.
    static constexpr std::size_t kProbesAWindow = 1024;

    Ledger(history::Options options, Emitter& emitter);
    // The rest is there only later in the start. `uses`: none without a packet program. `rollout`
    // is told what was noted.
    void attach(std::optional<kernel::Uses> uses, PolicyStore& policies, Coverage& coverage,
                Observer& observer, Rollout& rollout);

    [[nodiscard]] history::History& history() { return history_; }

    // New events, and what the history has to say; every tick.
    void pump();
    // Once a second.
    void every_second();
    // What the kernel has noted since; every window, and for somebody who asks now.
    void note_uses();

    // The members `history` and `rules` of the status.
    [[nodiscard]] nlohmann::ordered_json status() const;
    [[nodiscard]] nlohmann::ordered_json rules() const;

private:
    // One pass over a list of entries: look-ups that many of them share.
    struct Pass;

    [[nodiscard]] Pass begin_pass() const;
    [[nodiscard]] history::Flow flow_of(const kernel::RecentUse& entry, Pass& pass) const;
    void name_rule(history::Flow& flow, unsigned zone, Pass& pass) const;
    [[nodiscard]] std::vector<std::string> monitored() const;

    Emitter& emitter_;
    history::History history_;
    std::optional<kernel::Uses> uses_;
    PolicyStore* policies_ = nullptr;
    Coverage* coverage_ = nullptr;
    Observer* observer_ = nullptr;
    Rollout* rollout_ = nullptr;
    std::uint64_t last_seq_;
    std::uint64_t probes_left_out_ = 0;
    std::vector<std::string> told_monitored_;
    unsigned seconds_ = 0;
};

}  // namespace portlid::app
