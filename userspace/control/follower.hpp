// SPDX-License-Identifier: Apache-2.0
// What one reader of the event stream has still to get. Bounded: a reader that falls behind loses
// the rest, is told how much, and its stream ends. Pure, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace portlid::control {

class Follower {
public:
    // The history it begins with does not count against the limit; what comes later does.
    Follower(std::vector<std::string> history, std::size_t limit_bytes);

    // Queues new lines. When that would pass the limit, every line not yet begun is given up,
    // `gap_line(count)` takes their place and the stream is over.
    void add(std::vector<std::string> lines,
             const std::function<std::string(std::uint64_t)>& gap_line);
    void finish() { finished_ = true; }

    // Copies queued bytes; 0 = nothing now.
    [[nodiscard]] std::size_t take(std::span<char> out);
    [[nodiscard]] bool empty() const { return lines_.empty(); }
    [[nodiscard]] bool finished() const { return finished_; }

private:
    void push(std::string line);

    std::deque<std::string> lines_;  // each with its newline
    std::size_t front_taken_ = 0;    // bytes of the first line that are already out
    std::size_t queued_bytes_ = 0;
    std::size_t limit_bytes_;
    bool finished_ = false;
};

}  // namespace portlid::control
