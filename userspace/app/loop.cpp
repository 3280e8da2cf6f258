// SPDX-License-Identifier: Apache-2.0
#include "app/loop.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace portlid::app {

namespace {

timespec to_timespec(std::chrono::milliseconds time) {
    return {time.count() / 1000, time.count() % 1000 * 1'000'000};
}

// `interval` zero: once.
Result<> arm(int timer, std::chrono::milliseconds first, std::chrono::milliseconds interval) {
    const itimerspec spec{to_timespec(interval), to_timespec(first)};
    if (::timerfd_settime(timer, 0, &spec, nullptr) != 0)
        return fail_errno("timerfd_settime", errno);
    return {};
}

bool has_expired(int timer) {
    std::uint64_t expirations = 0;
    return ::read(timer, &expirations, sizeof(expirations)) > 0;
}

}  // namespace

Result<Loop> Loop::create() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return fail_errno("epoll", errno);
    return Loop(std::move(epoll));
}

Result<> Loop::watch(int fd, std::function<void()> ready) {
    return add(fd, EPOLLIN, std::move(ready));
}

Result<> Loop::watch_edges(int fd, std::function<void()> ready) {
    return add(fd, EPOLLIN | EPOLLET, std::move(ready));
}

Result<> Loop::add(int fd, std::uint32_t events, std::function<void()> ready) {
    handlers_.push_back(std::move(ready));
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handlers_.back();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return fail_errno("epoll_ctl", errno);
    return {};
}

Result<int> Loop::add_timer(std::function<void()> work) {
    const UniqueFd& timer =
        owned_.emplace_back(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return fail_errno("timerfd", errno);
    auto watched = watch(timer.get(), [fd = timer.get(), work = std::move(work)] {
        if (has_expired(fd)) work();
    });
    if (!watched) return pass_on(watched.error());
    return timer.get();
}

Result<> Loop::every(std::chrono::milliseconds period, std::function<void()> work) {
    const auto timer = add_timer(std::move(work));
    if (!timer) return pass_on(timer.error());
    return arm(*timer, period, period);
}

Result<Alarm> Loop::alarm(std::function<void()> work) {
    const auto timer = add_timer(std::move(work));
    if (!timer) return pass_on(timer.error());
    return Alarm(*timer);
}

// The descriptor is there, and the time is one: nothing that could fail.
void Alarm::in(std::chrono::milliseconds delay) const {
    (void)arm(timer_, delay, {});
}

Result<> Loop::on_signals(std::initializer_list<int> signals, std::function<void(int)> handler) {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : signals) sigaddset(&set, number);
    if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("sigmask", errno);
    const UniqueFd& signal = owned_.emplace_back(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signal.valid()) return fail_errno("signalfd", errno);
    const int fd = signal.get();
    return watch(fd, [fd, handler = std::move(handler)] {
        signalfd_siginfo info{};
        while (::read(fd, &info, sizeof(info)) == sizeof(info))
            handler(static_cast<int>(info.ssi_signo));
    });
}

void Loop::run() {
    std::array<epoll_event, 16> ready{};
    while (!stopping_) {
        const int count =
            ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), -1);
        for (int i = 0; i < count && !stopping_; ++i)
            (*static_cast<std::function<void()>*>(ready[static_cast<std::size_t>(i)].data.ptr))();
    }
}

}  // namespace portlid::app
