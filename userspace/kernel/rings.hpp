// SPDX-License-Identifier: Apache-2.0
// One ring buffer of the kernel, read without blocking.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "kernel/handles.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

class RingReader {
public:
    [[nodiscard]] static Result<std::unique_ptr<RingReader>> open(int map_fd);
    RingReader(const RingReader&) = delete;
    RingReader& operator=(const RingReader&) = delete;
    ~RingReader() = default;

    // Hands over what is there, at most a bounded number so that a flood cannot hold the caller.
    std::size_t consume(const Sensor::RecordSink& sink);
    // Becomes readable when the kernel thinks that the ring should be read now.
    [[nodiscard]] int fd() const { return ring_buffer__epoll_fd(ring_.get()); }

private:
    RingReader() = default;
    static int take(void* self, void* data, std::size_t size);

    RingBuffer ring_;
    const Sensor::RecordSink* sink_ = nullptr;  // only during consume()
    std::size_t delivered_ = 0;
};

}  // namespace portlid::kernel
