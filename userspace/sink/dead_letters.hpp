// SPDX-License-Identifier: Apache-2.0
// Events that a peer will never take: one JSON line each, with the reason, for somebody to look at.
#pragma once

#include <cstdint>
#include <string>

namespace portlid::sink {

class DeadLetters {
public:
    // At most `limit_bytes`, and as much again in PATH.1.
    explicit DeadLetters(std::string path, std::uint64_t limit_bytes = 16ULL << 20U)
        : path_(std::move(path)), limit_(limit_bytes) {}
    // False when the disk does not take it.
    bool add(const std::string& sink, const std::string& why, const std::string& record) const;

private:
    std::string path_;
    std::uint64_t limit_;
};

}  // namespace portlid::sink
