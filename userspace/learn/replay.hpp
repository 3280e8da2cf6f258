// SPDX-License-Identifier: Apache-2.0
// Recorded flows, judged again: once under the policy in force, once under another, both by the
// native pipeline. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "history/flow.hpp"
#include "policy/compile.hpp"

namespace portlid::learn {

struct Ruling {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::string rule, rule_source;
};

struct Changed {
    history::Flow flow;  // all hours of it together
    Ruling before, after;
    bool use = false;  // history::is_use
    [[nodiscard]] bool cut() const {
        return before.verdict != VERDICT_drop && after.verdict == VERDICT_drop;
    }
    [[nodiscard]] bool let_in() const {
        return before.verdict == VERDICT_drop && after.verdict != VERDICT_drop;
    }
};

struct Replayed {
    std::size_t flows = 0;         // (source, zone, protocol, port) judged
    std::size_t left_out = 0;      // no new flow to a port, or from a zone that is gone
    std::vector<Changed> changed;  // uses that are cut first, then by packets
    [[nodiscard]] std::size_t cut() const;
    [[nodiscard]] std::size_t cut_uses() const;
    [[nodiscard]] std::size_t let_in() const;
};

class Replay {
public:
    [[nodiscard]] static Result<Replay> make(const policy::Policy& before,
                                             const policy::Policy& after);
    // Sorted by source, zone, protocol and port, as the ledger gives them.
    void add(const history::Flow& flow);
    [[nodiscard]] Replayed finish();

private:
    Replay(policy::CompiledPolicy before, policy::CompiledPolicy after)
        : before_(std::move(before)), after_(std::move(after)) {}
    void judge();

    policy::CompiledPolicy before_, after_;
    std::optional<history::Flow> current_;
    Replayed result_;
};

// The member `replay` of the plan's document.
[[nodiscard]] nlohmann::ordered_json replay_json(const Replayed& replayed, WallTime since);

}  // namespace portlid::learn
