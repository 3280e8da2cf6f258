// SPDX-License-Identifier: Apache-2.0
// Two joins -> what exposure.opened, .changed and .closed events say.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "event/build.hpp"
#include "inventory/exposure.hpp"

namespace portlid::inventory {

struct ExposureChange {
    event::Kind kind = event::Kind::ExposureOpened;
    event::Severity severity = event::Severity::Info;
    Exposure exposure;                        // as it is now; what it was, for exposure.closed
    std::optional<ExposureVerdict> previous;  // exposure.changed
    // A published range is one change: neighbouring ports of the same holder and fate.
    HostPort last_port;
    [[nodiscard]] unsigned ports() const {
        return static_cast<unsigned>(last_port.value - exposure.port.value) + 1;
    }
};

// Changes of one kind, address and protocol as few ranges, in order of port.
[[nodiscard]] std::vector<ExposureChange> coalesced(std::vector<ExposureChange> changes);

// In order of port. `unused` items are nobody's exposure and are left out; a new pid of the same
// program in the same container is no change.
[[nodiscard]] std::vector<ExposureChange> diff(const std::vector<Exposure>& before,
                                               const std::vector<Exposure>& after);

// Critical: reachable although UFW says it is not. High: open to everybody in some zone and allowed
// by nothing; medium: to some. Low: allowed, or dropped by Portlid. Info: out of reach, or gone.
[[nodiscard]] event::Severity severity_of(const Exposure& exposure);
// For socket.* events: public = open in some zone, zone = restricted, host = out of reach.
[[nodiscard]] event::Scope scope_of(const Exposure& exposure);
[[nodiscard]] event::ExposureView event_view(const Exposure& exposure);
// The body of the change's event; a range adds "ports":{"first":…,"last":…}.
[[nodiscard]] nlohmann::ordered_json change_body(const event::Origin& origin,
                                                 const ExposureChange& change);

}  // namespace portlid::inventory
