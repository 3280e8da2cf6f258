// SPDX-License-Identifier: Apache-2.0
// Whether this network namespace transforms packets (linux/xfrm.h).
#pragma once

#include <optional>

#include "kernel/netlink.hpp"

namespace portlid::kernel {

// Asked again and again: where the kernel tells of changes, nothing is listed between them.
class IpsecWatch {
public:
    // True while a security association exists, and where that cannot be told: then what comes in
    // under the interface's name may be the inside of a packet that egress saw as ESP.
    [[nodiscard]] bool in_use();

private:
    std::optional<NetworkMonitor> changes_;
    std::optional<bool> known_;  // the answer until something changes
};

}  // namespace portlid::kernel
