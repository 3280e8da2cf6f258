// SPDX-License-Identifier: Apache-2.0
// What the tests of the join share.
#pragma once

#include <algorithm>

#include "unit/inventory/fixtures.hpp"

namespace portlid::inventory::fixtures {

inline JoinInput input_of(std::vector<Listener> listeners) {
    JoinInput input;
    input.listeners = std::move(listeners);
    input.host_netns = kHost;
    return input;
}

inline const Exposure* at(const std::vector<Exposure>& items, std::uint16_t port,
                          Family family = Family::IPv4) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const Exposure& item) {
        return item.port.value == port && item.family == family;
    });
    return found == items.end() ? nullptr : &*found;
}

inline identity::Container web() {
    auto out = container('e', "web");
    out.published = {publish("0.0.0.0", 8080, 80)};
    return out;
}

}  // namespace portlid::inventory::fixtures
