// SPDX-License-Identifier: Apache-2.0
// sd_notify(3): tells the service manager, if there is one, that every hook is in place.
#pragma once

#include <string_view>

namespace portlid::app {

// Sends `state` ("READY=1") to $NOTIFY_SOCKET; does nothing without one.
void notify_manager(std::string_view state);

}  // namespace portlid::app
