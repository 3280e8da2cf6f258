// SPDX-License-Identifier: Apache-2.0
// A local sink (stdout, a file) with a thread of its own, so that a slow disk holds up nobody:
// filter and queue on the caller's thread, encode and write on its own. The inner sink gets one
// event at a time: what waits, waits here, and is known to be unwritten. At a stop a sink that
// still takes something gets two seconds for the rest; what stays is lost, and told by the next
// start.
#pragma once

#include <memory>

#include "sink/account.hpp"
#include "sink/sink.hpp"
#include "sink/spec.hpp"

namespace portlid::sink {

inline constexpr std::size_t kBackgroundQueueBytes = 4U << 20U;

// Its losses are told by take_gap(), with the cause "queue".
[[nodiscard]] std::unique_ptr<Sink> make_background(
    const SinkSpec& spec, std::unique_ptr<Sink> inner, Account account,
    std::size_t queue_bytes = kBackgroundQueueBytes);

}  // namespace portlid::sink
