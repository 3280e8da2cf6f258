// SPDX-License-Identifier: Apache-2.0
// Events that a peer will never take: one JSON line each, with the reason, for somebody to look at.
#pragma once

#include <cstdint>
#include <string>

namespace portlid::sink {

class DeadLetters {
public:
    // About `limit_bytes`, and as much again in PATH.1; what is older goes.
    explicit DeadLetters(std::string path, std::uint64_t limit_bytes = 16ULL << 20U)
        : path_(std::move(path)), limit_(limit_bytes) {}
    // How many letters that cost: older ones that went, and this one when the disk does not take
    // it.
    [[nodiscard]] std::uint64_t add(const std::string& sink, const std::string& why,
                                    const std::string& record) const;

private:
    [[nodiscard]] std::uint64_t rotate() const;
    std::string path_;
    std::uint64_t limit_;
};

}  // namespace portlid::sink
