// SPDX-License-Identifier: Apache-2.0
#include "app/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"

namespace portlid::app {

namespace {

std::optional<std::uint64_t> number_of(const char* name) {
    const char* text = std::getenv(name);
    if (text == nullptr) return std::nullopt;
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, failed] = std::from_chars(text, end, value);
    if (failed != std::errc() || stop != end) return std::nullopt;
    return value;
}

}  // namespace

void notify_manager(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
    const auto length = std::strlen(path);
    if (length >= sizeof(address.sun_path)) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // abstract
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    // A manager that does not listen, or does not read, changes nothing for us.
    (void)::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<std::chrono::milliseconds> watchdog_period() {
    using std::chrono::milliseconds;
    const auto limit_us = number_of("WATCHDOG_USEC");
    if (!limit_us || *limit_us == 0) return std::nullopt;
    if (std::getenv("WATCHDOG_PID") != nullptr &&
        number_of("WATCHDOG_PID") != static_cast<std::uint64_t>(::getpid()))
        return std::nullopt;
    constexpr std::uint64_t kDay = 86'400'000'000;
    const auto half = std::chrono::microseconds(std::min(*limit_us, kDay) / 2);
    return std::max(std::chrono::duration_cast<milliseconds>(half), milliseconds(10));
}

}  // namespace portlid::app
