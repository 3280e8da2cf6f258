// SPDX-License-Identifier: Apache-2.0
// Lines that wait for a descriptor: bounded in bytes, whole lines only, oldest first. A line that
// does not fit is refused (the caller counts it), a line half written is finished before the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace portlid::sink {

class LineQueue {
public:
    explicit LineQueue(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

    // Adds the line and a newline; false when it does not fit.
    [[nodiscard]] bool push(std::string line);

    // Writes as much of the front as it can: returns bytes taken, 0 for "not now", or -errno.
    using Writer = std::function<std::ptrdiff_t(std::string_view)>;
    // Runs the writer until the queue is empty, it says 0, or it fails; 0 or the errno.
    [[nodiscard]] int drain(const Writer& writer);

    // The descriptor changed: the line half written to the old one starts over.
    void restart_front() { front_written_ = 0; }
    // Gives up everything; returns how many lines that were.
    std::uint64_t clear();

    [[nodiscard]] std::size_t lines() const { return lines_.size(); }
    [[nodiscard]] bool has_room() const { return bytes_ <= limit_bytes_ / 2; }

private:
    std::deque<std::string> lines_;
    std::size_t front_written_ = 0;
    std::size_t bytes_ = 0;
    std::size_t limit_bytes_;
};

}  // namespace portlid::sink
