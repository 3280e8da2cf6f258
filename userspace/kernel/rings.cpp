// SPDX-License-Identifier: Apache-2.0
#include "kernel/rings.hpp"

#include <cerrno>

namespace portlid::kernel {

namespace {

constexpr std::size_t kAtOnce = 16384;  // above what either ring holds

}  // namespace

Result<std::unique_ptr<RingReader>> RingReader::open(int map_fd) {
    std::unique_ptr<RingReader> reader(new RingReader());
    reader->ring_.reset(ring_buffer__new(map_fd, take, reader.get(), nullptr));
    if (!reader->ring_) return fail_errno("cannot map an event ring", errno);
    return reader;
}

int RingReader::take(void* self, void* data, std::size_t size) {
    auto* reader = static_cast<RingReader*>(self);
    ++reader->delivered_;
    (*reader->sink_)({static_cast<const std::byte*>(data), size});
    // An error ends the round; the record at hand counts as read.
    return reader->delivered_ < kAtOnce ? 0 : -EAGAIN;
}

std::size_t RingReader::consume(const Sensor::RecordSink& sink) {
    sink_ = &sink;
    delivered_ = 0;
    ring_buffer__consume(ring_.get());
    sink_ = nullptr;
    return delivered_;
}

}  // namespace portlid::kernel
