// SPDX-License-Identifier: Apache-2.0
// The hits of what was changed at run time, from what the kernel noted of each (source, port).
#include "app/rollout.hpp"
#include "history/flow.hpp"
#include "rollout/hits.hpp"

namespace portlid::app {

void Rollout::note(const std::vector<history::Flow>& flows) {
    auto& overlays = store_->state().overlays;
    if (overlays.empty()) return;
    bool changed = false;
    for (const auto& flow : flows)
        changed |=
            rollout::count_hits(overlays, policies_.model(),
                                {flow.source, flow.zone, flow.protocol, flow.port, flow.verdict,
                                 flow.why, flow.rule, flow.packets, flow.syns});
    if (changed) save();
}

}  // namespace portlid::app
