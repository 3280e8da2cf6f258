// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): tells the service manager, if there is one, that every hook is in place, and goes
// on telling it that the loop turns.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace portlid::app {

// Sends `state` ("READY=1") to $NOTIFY_SOCKET; does nothing without one.
void notify_manager(std::string_view state);

// How often the manager wants to hear WATCHDOG=1: half of $WATCHDOG_USEC, at least 10 ms. None when
// it does not watch, or watches another process ($WATCHDOG_PID).
[[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_period();

}  // namespace portlid::app
