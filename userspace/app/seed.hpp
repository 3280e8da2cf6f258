// SPDX-License-Identifier: Apache-2.0
// Flows that are older than the sensor, or than a zone's enforcing.
#pragma once

#include <string>

#include "kernel/sensor.hpp"

namespace portlid::app {

// Flows that this host opened before the sensor came: connected sockets whose local port nobody
// listens on. Conntrack, where it runs, covers the containers' and the rest.
[[nodiscard]] Result<> seed_flows(kernel::Sensor& sensor);

struct Published {
    std::uint64_t generation = 0;
    std::string seed_problem;  // why open flows of containers may be cut; empty: all is well
};
// Publishes. Where a zone begins to enforce, the TCP flows that are open are written down first,
// and once more after it, for those that opened in between. Only what cannot be published is an
// error: enforcing does not wait for a list.
[[nodiscard]] Result<Published> publish_honouring_open_flows(kernel::Sensor& sensor,
                                                             std::span<const kernel::Stage> stages);

}  // namespace portlid::app
