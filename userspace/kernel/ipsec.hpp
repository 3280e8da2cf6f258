// SPDX-License-Identifier: Apache-2.0
// Whether this network namespace transforms packets (linux/xfrm.h).
#pragma once

namespace portlid::kernel {

// True while a security association exists, and where that cannot be told: then what comes in under
// the interface's name may be the inside of a packet that egress saw as ESP.
[[nodiscard]] bool ipsec_in_use();

}  // namespace portlid::kernel
