// SPDX-License-Identifier: Apache-2.0
// Source bans in the kernel's longest-prefix map. The map answers with the longest prefix only, so
// each entry also carries the latest deadline of the bans that cover it; this class keeps that
// true. One writer: whoever owns the Sensor.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "abi/maps.h"
#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/map_access.hpp"

namespace portlid::kernel {

struct Ban {
    Cidr source;
    BootTime since;
    std::optional<std::chrono::nanoseconds> remaining;  // none: for ever; 0: expired
    std::uint64_t hits = 0;                             // packets that it decided about
};

class Bans {
public:
    // Reads what an earlier run left.
    [[nodiscard]] static Result<Bans> open(int bans_fd, int sizes_fd, std::size_t room);

    // none = for ever. A ban that exists keeps its hits, and its deadline when that is later. Fails
    // when the map is full, and for IPv6 prefixes so short that they hold the IPv4 addresses too.
    [[nodiscard]] Result<> add(const Cidr& source, std::optional<std::chrono::nanoseconds> length);
    // False when there was no such ban (a wider one does not count).
    [[nodiscard]] Result<bool> remove(const Cidr& source);
    // Removes what has expired and returns it. The datapath stops by itself at the deadline.
    std::vector<Ban> take_expired();
    [[nodiscard]] std::vector<Ban> list() const;

private:
    using Table = std::map<network_key, ban, LessBytes>;
    Bans(int bans_fd, int sizes_fd, std::size_t room)
        : bans_fd_(bans_fd), sizes_fd_(sizes_fd), room_(room) {}

    [[nodiscard]] Ban describe(const network_key& key, const ban& value, BootTime now) const;
    [[nodiscard]] std::uint64_t latest_deadline(const network_key& key) const;
    [[nodiscard]] Result<> write(const network_key& key, ban& value);
    [[nodiscard]] Result<> write_size(std::uint64_t entries) const;
    // Brings the entries that `changed` covers up to date.
    [[nodiscard]] Result<> refresh_below(const network_key& changed);

    int bans_fd_;
    int sizes_fd_;
    std::size_t room_;
    Table table_;
};

}  // namespace portlid::kernel
