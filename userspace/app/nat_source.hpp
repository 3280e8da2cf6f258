// SPDX-License-Identifier: Apache-2.0
// The NAT rules of this host, and one descriptor that tells of news.
#pragma once

#include <chrono>
#include <memory>

#include "base/unique_fd.hpp"
#include "nat/watcher.hpp"

namespace portlid::app {

class NatSource {
public:
    NatSource();
    [[nodiscard]] int fd() const { return notice_.get(); }  // readable: drain() has news
    [[nodiscard]] std::shared_ptr<const nat::Rules> drain();
    // Until the rules were read once, at most `limit`.
    std::shared_ptr<const nat::Rules> wait_first(std::chrono::milliseconds limit);

private:
    UniqueFd notice_;  // an eventfd, written by the watcher's thread
    nat::Watcher watcher_;
};

}  // namespace portlid::app
