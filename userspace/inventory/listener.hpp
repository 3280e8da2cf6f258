// SPDX-License-Identifier: Apache-2.0
// A socket that can receive: what the inventory is made of.
#pragma once

#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "event/decode.hpp"
#include "identity/process.hpp"

namespace portlid::inventory {

struct Holder {
    identity::Process process;       // pid 0 = not known
    bool known = false;
};

struct Listener {
    event::SocketFacts socket;
    std::uint64_t inode = 0;  // 0 until a sweep saw it
    BootTime since;
    bool preexisting = false;  // open before the sensor; `since` is then when it was first seen
    std::optional<Holder> holder;  // who has a descriptor of it now
    std::optional<Holder> binder;  // who bound it, when that is somebody else
};

}  // namespace portlid::inventory
