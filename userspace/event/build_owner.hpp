// SPDX-License-Identifier: Apache-2.0
// The body of the event about an owned port that somebody else took.
#pragma once

#include "event/build.hpp"

namespace portlid::event {

// Somebody who is not the owner that a rule asks for took, or holds beside him, an owned port.
struct OwnerLostView {
    std::string rule;   // the service
    std::string owner;  // "container: web-*"
    std::string why;    // "another holder", "the owner closed it"
    std::uint32_t protocol = 6;
    IpAddress address;
    HostPort port;
    std::optional<HolderProcess> holder;    // who sits there now
    std::optional<HolderProcess> previous;  // the owner that was proven; none: there was none
};
[[nodiscard]] Json owner_lost_body(const Origin& origin, const OwnerLostView& view);

}  // namespace portlid::event
