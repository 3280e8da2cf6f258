// SPDX-License-Identifier: Apache-2.0
#include "control/follower.hpp"

#include <algorithm>
#include <utility>

namespace portlid::control {

Follower::Follower(std::vector<std::string> history, std::size_t limit_bytes)
    : limit_bytes_(limit_bytes) {
    for (auto& line : history) push(std::move(line));
    limit_bytes_ += queued_bytes_;
}

void Follower::push(std::string line) {
    line += '\n';
    queued_bytes_ += line.size();
    lines_.push_back(std::move(line));
}

void Follower::add(std::vector<std::string> lines,
                   const std::function<std::string(std::uint64_t)>& gap_line) {
    if (finished_) return;
    for (auto& line : lines) push(std::move(line));
    if (queued_bytes_ <= limit_bytes_) return;
    const std::size_t begun = front_taken_ > 0 ? 1 : 0;
    const std::uint64_t given_up = lines_.size() - begun;
    lines_.resize(begun);
    push(gap_line(given_up));
    finished_ = true;
}

std::size_t Follower::take(std::span<char> out) {
    std::size_t copied = 0;
    while (copied < out.size() && !lines_.empty()) {
        const auto& line = lines_.front();
        const auto part = std::min(out.size() - copied, line.size() - front_taken_);
        std::copy_n(line.data() + front_taken_, part, out.data() + copied);
        copied += part;
        front_taken_ += part;
        if (front_taken_ < line.size()) break;
        lines_.pop_front();
        front_taken_ = 0;
    }
    queued_bytes_ -= std::min(queued_bytes_, copied);
    return copied;
}

}  // namespace portlid::control
