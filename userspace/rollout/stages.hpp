// SPDX-License-Identifier: Apache-2.0
// Which policy is in force when, from now on, if nobody touches anything: a policy that waits for
// its confirmation gives way to the one before, and overlays end. The kernel gets all of it at
// once, each stage with the instant at which it ends, so that it happens with the daemon dead too.
#pragma once

#include "base/result.hpp"
#include "rollout/overlays.hpp"

namespace portlid::rollout {

struct Stage {
    policy::Policy policy;
    Until until;           // none only on the last one
    bool pending = false;  // the policy that waits for its confirmation
    bool laid = false;     // some overlay counts: it is not the policy as it was written
};

struct Plan {
    const policy::Policy* confirmed = nullptr;
    const policy::Policy* pending = nullptr;  // null = nothing waits
    BootTime deadline;                        // of the pending one
    const Overlays* overlays = nullptr;
};

// The instants after `now` at which another stage begins, ascending, each once.
[[nodiscard]] std::vector<BootTime> instants(const Plan& plan, BootTime now);

// At most `room` stages, the first in force at `now` and exact. Where more instants than stages
// remain, the firm ones are kept, and openings that end in between close early, never late.
[[nodiscard]] std::vector<Stage> stages(const Plan& plan, BootTime now, std::size_t room);

// Why `room` stages cannot keep every firm end of `plan`; one is left for a confirmation. A plan
// with no more of them than `before` has is never refused: it may be the way down.
[[nodiscard]] Result<> refuse_too_many_ends(const Plan& plan, const Plan& before, BootTime now,
                                            std::size_t room);

}  // namespace portlid::rollout
