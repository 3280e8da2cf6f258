// SPDX-License-Identifier: Apache-2.0
// Rescue: monitor mode by a file or a word on the kernel command line. It begins within a second
// of being asked for, without a question; it ends at a start or a SIGHUP that finds nobody asking,
// and then the lock-out guard is asked as before any other enforcing.
#include <spdlog/spdlog.h>

#include "app/rollout.hpp"

namespace portlid::app {

// What was compiled for the other case is worth nothing now.
void Rollout::set_rescue(Rescue rescue) {
    policies_.set_rescue(std::move(rescue));
    confirmed_.compiled.reset();
    if (pending_) pending_->compiled.reset();
}

void Rollout::look_for_rescue() {
    if (policies_.rescue().asked()) return;
    const auto found = find_rescue_file(options_.rescue_file);
    if (!found.asked()) return;
    const std::string mode_before = policies_.effective_mode();
    set_rescue(found);
    if (auto done = publish_again(); !done) {
        set_rescue({});  // so that it is tried again
        if (rescue_problem_ != done.error().message) spdlog::error("{}", done.error().message);
        rescue_problem_ = done.error().message;
        return;
    }
    if (!store_->state().pending) confirmed_number_ = policies_.generation();
    spdlog::warn("rescue: {}: nothing is dropped; to leave: {}", found.why, found.leave);
    emitter_->emit(event::Kind::ModeChanged,
                   event::mode_changed_body(emitter_->origin(), "sensor", mode_before, "monitor",
                                            "rescue: " + found.why + "; to leave: " + found.leave));
}

}  // namespace portlid::app
