// SPDX-License-Identifier: Apache-2.0
// Pieces of Rollout's answers that its files share.
#pragma once

#include <nlohmann/json.hpp>

#include "control/server.hpp"
#include "rollout/overlays.hpp"
#include "rollout/request.hpp"

namespace portlid::app {

// Who asked.
[[nodiscard]] rollout::Author author_of(const control::Request& request);
// From now; none for no length and for 0, which both mean "until ended by hand".
[[nodiscard]] rollout::Until until_of(const rollout::Length& length);
// RFC 3339, or null.
[[nodiscard]] nlohmann::ordered_json until_json(const rollout::Until& until);

}  // namespace portlid::app
