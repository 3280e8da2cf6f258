// SPDX-License-Identifier: Apache-2.0
// What an operator changes at run time on top of the policy file: modes, openings, set members; and
// what containers ask for by labels. They survive a restart and an apply, and end at their instant
// or by hand. Pure values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "policy/model.hpp"
#include "rollout/labels.hpp"

namespace portlid::rollout {

// Who asked, by SO_PEERCRED of the control socket.
struct Author {
    std::uint32_t uid = 0;
    std::uint32_t pid = 0;
};

using Until = std::optional<BootTime>;  // none = until ended by hand

// A later one beats an earlier one where both speak.
struct ModeOverride {
    std::optional<policy::Mode> mode;  // none = as the policy says
    std::string zone;                  // empty = every zone
    std::string rule;                  // a service, or "ZONE default"; empty = every rule
    Until until;
    // Waits for `confirm`: ends at `until`, and lasts until `then` once confirmed.
    bool unconfirmed = false;
    Until then;
    Author author;
    std::uint64_t hits = 0;  // see rollout/hits.hpp
};

struct Opening {
    policy::PortRange ports;
    std::vector<Cidr> from;  // empty = everybody
    std::string zone;        // empty = every zone
    Until until;
    Author author;
    std::uint64_t hits = 0;
};

struct SetChange {
    std::string set;
    Cidr member;
    bool add = true;  // false: taken out, though the file has it
    Until until;
    Author author;
    std::uint64_t hits = 0;
};

struct Overlays {
    std::vector<ModeOverride> modes;
    std::vector<Opening> openings;
    std::vector<SetChange> sets;
    std::vector<LabelAsk> labels;  // of the containers that run
    [[nodiscard]] bool empty() const {
        return modes.empty() && openings.empty() && sets.empty() && labels.empty();
    }
};

// The policy as it stands at `now`. Overlays that have ended, or that name what the policy does
// not have, are left out.
[[nodiscard]] policy::Policy overlay(policy::Policy base, const Overlays& overlays, BootTime now);

// Why an overlay would change nothing: it names a zone, rule or set that `base` has not.
[[nodiscard]] std::optional<std::string> misses(const policy::Policy& base,
                                                const ModeOverride& change);
[[nodiscard]] std::optional<std::string> misses(const policy::Policy& base, const Opening& change);
[[nodiscard]] std::optional<std::string> misses(const policy::Policy& base,
                                                const SetChange& change);

// The name that verdicts of an opening carry: "allow 8080/tcp".
[[nodiscard]] std::string rule_name(const Opening& opening);
// What becomes of the labels, in their order, under `base` with the other overlays.
[[nodiscard]] std::vector<LabelAnswer> label_answers(const policy::Policy& base,
                                                     const Overlays& overlays, BootTime now);
// Removes what has ended; true when something had. Labels end with their containers.
bool drop_ended(Overlays& overlays, BootTime now);
// The instants after `now` at which something ends, ascending, each once; without labels.
[[nodiscard]] std::vector<BootTime> ends(const Overlays& overlays, BootTime now);
// ...of them those at which something ends that must not end early, since that could open: modes,
// members taken out of a set, members put in one that `deny` names. `confirmed`: one that waits for
// its confirmation counts as confirmed.
[[nodiscard]] std::vector<BootTime> firm_ends(const policy::Policy& base, const Overlays& overlays,
                                              BootTime now, bool confirmed = false);
// ...and at which something ends that labels open under `base`.
[[nodiscard]] std::vector<BootTime> label_ends(const policy::Policy& base, const Overlays& overlays,
                                               BootTime now);

}  // namespace portlid::rollout
