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
// uid, pid and the name the host has for the uid.
[[nodiscard]] nlohmann::ordered_json author_json(const rollout::Author& author);
// SSH_CONNECTION of whoever asked: what it sent, else what it or an ancestor has in its
// environment (sudo takes it away on the way here); empty when there is none.
[[nodiscard]] std::string caller_ssh(const control::Request& request, const std::string& sent);
// From now; none for no length and for 0, which both mean "until ended by hand".
[[nodiscard]] rollout::Until until_of(const rollout::Length& length);
// RFC 3339, or null.
[[nodiscard]] nlohmann::ordered_json until_json(const rollout::Until& until);
// Whole seconds from now, or null.
[[nodiscard]] nlohmann::ordered_json remaining_json(const rollout::Until& until);

}  // namespace portlid::app
