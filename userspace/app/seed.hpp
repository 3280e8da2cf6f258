// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/sensor.hpp"

namespace portlid::app {

// Flows that this host opened before the sensor came: connected sockets whose local port nobody
// listens on. Conntrack, where it runs, covers the containers' and the rest.
[[nodiscard]] Result<> seed_flows(kernel::Sensor& sensor);

}  // namespace portlid::app
