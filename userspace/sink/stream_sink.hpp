// SPDX-License-Identifier: Apache-2.0
// The two sinks of this version: a descriptor that somebody reads, and a file that grows.
#pragma once

#include <cstddef>

#include "base/unique_fd.hpp"
#include "sink/sink.hpp"
#include "sink/spec.hpp"

namespace portlid::sink {

inline constexpr std::size_t kQueueBytes = 4U << 20U;

// Writes to a descriptor that other processes share (stdout): its flags are never changed. A
// reader that goes away takes the sink down for good, one that is slow fills the queue.
[[nodiscard]] std::unique_ptr<Sink> make_descriptor_sink(UniqueFd fd, std::string name,
                                                         std::size_t queue_bytes = kQueueBytes);

// Appends to a file (0640). Fails when it cannot be opened now; later faults (disk full, the
// directory gone at a reopen) are states that it recovers from by itself.
// With a rotation: PATH becomes PATH.1, PATH.1 becomes PATH.2 … before it grows beyond the size.
[[nodiscard]] Result<std::unique_ptr<Sink>> make_file_sink(const std::string& path,
                                                           std::size_t queue_bytes = kQueueBytes,
                                                           Rotation rotation = {});

}  // namespace portlid::sink
