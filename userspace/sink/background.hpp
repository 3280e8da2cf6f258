// SPDX-License-Identifier: Apache-2.0
// A local sink (stdout, a file) with a thread of its own, so that a slow disk holds up nobody:
// filter and queue on the caller's thread, encode and write on its own.
#pragma once

#include <memory>

#include "sink/cursor.hpp"
#include "sink/sink.hpp"
#include "sink/spec.hpp"

namespace portlid::sink {

inline constexpr std::size_t kBackgroundQueueBytes = 4U << 20U;

// `numbers`: where the sink's own sequence stands; needed when it is filtered.
[[nodiscard]] std::unique_ptr<Sink> make_background(
    const SinkSpec& spec, std::unique_ptr<Sink> inner, std::optional<Cursor> numbers,
    std::size_t queue_bytes = kBackgroundQueueBytes);

}  // namespace portlid::sink
