// SPDX-License-Identifier: Apache-2.0
// The number of the last event, in a mapped file: it survives restarts and kill -9 because the
// page belongs to the kernel the moment it is written.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::sink {

class Sequence {
public:
    // Makes the file (0600) when it is not there. Refused: one that another process holds, one
    // that is no sequence file. An empty or zeroed one (power loss) starts over.
    [[nodiscard]] static Result<Sequence> open(const std::string& path);
    Sequence(Sequence&& other) noexcept;
    Sequence& operator=(Sequence&&) = delete;
    Sequence(const Sequence&) = delete;
    Sequence& operator=(const Sequence&) = delete;
    ~Sequence();

    [[nodiscard]] std::uint64_t last() const;
    std::uint64_t next();  // last() + 1, recorded

private:
    struct Page;
    Sequence(UniqueFd fd, Page* page) : fd_(std::move(fd)), page_(page) {}
    UniqueFd fd_;  // holds the lock
    Page* page_;
};

}  // namespace portlid::sink
