// SPDX-License-Identifier: Apache-2.0
// One netlink dump: ask, hand over every message of the answer. Used inside this room only.
#pragma once

#include <libmnl/libmnl.h>

#include <functional>

#include "base/result.hpp"

namespace portlid::kernel {

// Writes the request (type, flags and payload) into an empty header.
using DumpRequest = std::function<void(nlmsghdr*)>;
using DumpMessage = std::function<void(const nlmsghdr*)>;

// Runs the dump on a socket of its own in the calling thread's network namespace. An answer that
// the kernel says was inconsistent is asked for again: `restart` is called first, so that the
// caller forgets what it saw. An error keeps the kernel's errno (ENOENT: no such subsystem).
[[nodiscard]] Result<> netlink_dump(int protocol, const DumpRequest& request,
                                    const DumpMessage& on_message,
                                    const std::function<void()>& restart);

// The attributes behind a fixed header of `header_bytes`, or inside a nested one (libmnl's own
// loops are macros that C++ does not take). Callers check payload lengths.
using OnAttribute = std::function<void(const nlattr*)>;
void for_each_attribute(const nlmsghdr* message, std::size_t header_bytes,
                        const OnAttribute& on_attribute);
void for_each_nested(const nlattr* parent, const OnAttribute& on_attribute);

}  // namespace portlid::kernel
