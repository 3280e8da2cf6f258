// SPDX-License-Identifier: Apache-2.0
// `export test`: one marked event through a sink, without the sensor and without its spool.
#pragma once

#include "sink/spec.hpp"
#include "sink/transport.hpp"

namespace portlid::sink {

// Resolve, connect, TLS, send, in order; each step is told. The event is a sensor.heartbeat with
// `"test": true`. Fails with the reason of the step that did.
[[nodiscard]] Result<> try_sink(const SinkSpec& spec, const Step& step);

}  // namespace portlid::sink
