// SPDX-License-Identifier: Apache-2.0
// One thread's epoll loop: descriptors and periodic work, until somebody says stop.
#pragma once

#include <chrono>
#include <functional>
#include <list>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

class Loop {
public:
    [[nodiscard]] static Result<Loop> create();

    // Calls `ready` whenever `fd` (not owned) is readable.
    [[nodiscard]] Result<> watch(int fd, std::function<void()> ready);
    // Calls `work` every `period`, on a timer of its own; missed periods are not made up for.
    [[nodiscard]] Result<> every(std::chrono::milliseconds period, std::function<void()> work);
    // Calls `work` again and again, each time after as long as it said the last time.
    [[nodiscard]] Result<> repeat(std::function<std::chrono::milliseconds()> work);
    // Takes these signals off the process (all threads started later) and onto the loop.
    [[nodiscard]] Result<> on_signals(std::initializer_list<int> signals,
                                      std::function<void(int)> handler);

    void run();  // returns after stop()
    void stop() { stopping_ = true; }

private:
    explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    UniqueFd epoll_;
    std::list<UniqueFd> owned_;                  // timers, the signal descriptor
    std::list<std::function<void()>> handlers_;  // stable addresses: epoll data points at them
    bool stopping_ = false;
};

}  // namespace portlid::app
