// SPDX-License-Identifier: Apache-2.0
// One thread's epoll loop: descriptors and periodic work, until somebody says stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

// Set anew, it forgets what it was set to before. Lives as long as its loop.
class Alarm {
public:
    Alarm() = default;  // never goes off
    void in(std::chrono::milliseconds delay) const;

private:
    friend class Loop;
    explicit Alarm(int timer) : timer_(timer) {}
    int timer_ = -1;
};

class Loop {
public:
    [[nodiscard]] static Result<Loop> create();

    // Calls `ready` whenever `fd` (not owned) is readable.
    [[nodiscard]] Result<> watch(int fd, std::function<void()> ready);
    // The same, but once each time that it becomes readable: for those who take all there is.
    [[nodiscard]] Result<> watch_edges(int fd, std::function<void()> ready);
    // Calls `work` every `period`, on a timer of its own; missed periods are not made up for.
    [[nodiscard]] Result<> every(std::chrono::milliseconds period, std::function<void()> work);
    // Calls `work` once whenever the alarm that is returned was set and its time has come.
    [[nodiscard]] Result<Alarm> alarm(std::function<void()> work);
    // Takes these signals off the process (all threads started later) and onto the loop.
    [[nodiscard]] Result<> on_signals(std::initializer_list<int> signals,
                                      std::function<void(int)> handler);

    void run();  // returns after stop()
    void stop() { stopping_ = true; }

private:
    explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
    [[nodiscard]] Result<> add(int fd, std::uint32_t events, std::function<void()> ready);
    [[nodiscard]] Result<int> add_timer(std::function<void()> work);  // not armed
    UniqueFd epoll_;
    std::list<UniqueFd> owned_;                  // timers, the signal descriptor
    std::list<std::function<void()>> handlers_;  // stable addresses: epoll data points at them
    bool stopping_ = false;
};

}  // namespace portlid::app
