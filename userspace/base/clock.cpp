// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include <limits>
#include "base/file.hpp"

namespace portlid {

namespace {

std::uint64_t read_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(time.tv_nsec);
}

// Reading the two clocks one after the other jitters by microseconds; slewing moves them apart by
// at most 500 us a second, which the threshold lets gather to a millisecond.
std::int64_t boot_offset_ns() {
    constexpr std::int64_t kMovedNs = 1'000'000;
    static std::atomic<std::int64_t> known{0};
    const auto now = static_cast<std::int64_t>(read_ns(CLOCK_REALTIME) - read_ns(CLOCK_BOOTTIME));
    const auto before = known.load(std::memory_order_relaxed);
    if (before != 0 && std::abs(now - before) < kMovedNs) return before;
    known.store(now, std::memory_order_relaxed);
    return now;
}

std::optional<std::uint64_t> unit_seconds(std::string_view unit) {
    if (unit == "s") return 1;
    if (unit == "m") return 60;
    if (unit == "h") return 3600;
    if (unit == "d") return 86400;
    return std::nullopt;
}

}  // namespace

BootTime boot_now() {
    return {read_ns(CLOCK_BOOTTIME)};
}

WallTime wall_now() {
    return WallTime(std::chrono::nanoseconds(read_ns(CLOCK_REALTIME)));
}

WallTime to_wall(BootTime instant) {
    constexpr auto kLatest = std::numeric_limits<std::int64_t>::max();
    const auto since_boot =
        static_cast<std::int64_t>(std::min(instant.ns, static_cast<std::uint64_t>(kLatest)));
    std::int64_t wall = 0;
    if (__builtin_add_overflow(boot_offset_ns(), since_boot, &wall)) wall = kLatest;
    return WallTime(std::chrono::nanoseconds(wall));
}

std::string boot_id() {
    auto text = read_file("/proc/sys/kernel/random/boot_id", 64).value_or(std::string());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string to_rfc3339(WallTime time) {
    const auto total = time.time_since_epoch().count();
    const auto seconds = static_cast<std::time_t>(total / 1'000'000'000);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), total % 1'000'000'000);
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    std::uint64_t amount = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, amount);
    if (error != std::errc() || stop == text.data()) return std::nullopt;
    if (stop == end) return amount == 0 ? std::optional(std::chrono::nanoseconds(0)) : std::nullopt;
    const auto seconds = unit_seconds({stop, static_cast<std::size_t>(end - stop)});
    if (!seconds || amount > 9'000'000'000ULL / *seconds) return std::nullopt;
    return std::chrono::seconds(amount * *seconds);
}

}  // namespace portlid
