// SPDX-License-Identifier: Apache-2.0
// The `interfaces` map (open addressing as abi/maps.h says) and the counters of each slot. Holds
// nothing of its own: the map is the truth, an earlier run's entries included.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "kernel/sensor.hpp"

namespace portlid::kernel {

class InterfaceSlots {
public:
    InterfaceSlots(int interfaces_fd, int counters_fd)
        : interfaces_fd_(interfaces_fd), counters_fd_(counters_fd) {}

    struct Claim {
        std::uint32_t slot = 0;
        bool fresh = false;  // newly taken; its counters are zero
    };
    // Writes the interface's entry, in its slot of before or the first free one.
    [[nodiscard]] Result<Claim> claim(const InterfaceRequest& request) const;
    // Its entry is as claim() wrote it.
    [[nodiscard]] bool holds(const InterfaceRequest& request) const;
    [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t ifindex) const;
    void release(std::uint32_t ifindex) const;

    [[nodiscard]] Result<> clear_counters(std::uint32_t slot) const;
    [[nodiscard]] InterfaceCounters counters(std::uint32_t ifindex) const;

private:
    [[nodiscard]] std::optional<std::uint32_t> find_free(std::uint32_t ifindex) const;

    int interfaces_fd_;
    int counters_fd_;
};

}  // namespace portlid::kernel
