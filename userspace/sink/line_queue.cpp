// SPDX-License-Identifier: Apache-2.0
#include "sink/line_queue.hpp"

#include <utility>

namespace portlid::sink {

bool LineQueue::push(std::string line) {
    line += '\n';
    if (bytes_ + line.size() > limit_bytes_) return false;
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    return true;
}

int LineQueue::drain(const Writer& writer) {
    while (!lines_.empty()) {
        const auto& line = lines_.front();
        const auto taken = writer(std::string_view(line).substr(front_written_));
        if (taken < 0) return static_cast<int>(-taken);
        if (taken == 0) return 0;
        front_written_ += static_cast<std::size_t>(taken);
        if (front_written_ < line.size()) continue;
        bytes_ -= line.size();
        lines_.pop_front();
        front_written_ = 0;
    }
    return 0;
}

std::uint64_t LineQueue::clear() {
    const auto given_up = lines_.size();
    lines_.clear();
    front_written_ = 0;
    bytes_ = 0;
    return given_up;
}

}  // namespace portlid::sink
