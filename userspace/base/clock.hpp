// SPDX-License-Identifier: Apache-2.0
// Time as the sensor keeps it: boot time for decisions (it never steps), wall time for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace portlid {

// Nanoseconds since boot, suspend included (CLOCK_BOOTTIME), the clock of every kernel record.
struct BootTime {
    std::uint64_t ns = 0;
    auto operator<=>(const BootTime&) const = default;
};

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

[[nodiscard]] BootTime boot_now();
[[nodiscard]] WallTime wall_now();
// Wall time of a boot-clock instant. The offset between the clocks is measured again only when it
// has moved by more than a millisecond (a step, a suspend), so an instant keeps its wall time. An
// instant beyond what WallTime can hold gives the latest one.
[[nodiscard]] WallTime to_wall(BootTime instant);
// /proc/sys/kernel/random/boot_id: which boot the boot clock counts from; empty when unreadable.
[[nodiscard]] std::string boot_id();
// RFC 3339 in UTC with nanoseconds: 2026-03-01T10:15:02.123456789Z
[[nodiscard]] std::string to_rfc3339(WallTime time);
// "10s", "5m", "24h", "7d", "0"; nothing else. No value on anything else or on overflow.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace portlid
