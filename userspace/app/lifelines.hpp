// SPDX-License-Identifier: Apache-2.0
// The gateways and name servers of this host as questions for the lock-out guard.
#pragma once

#include <vector>

#include "app/coverage.hpp"
#include "rollout/lifelines.hpp"

namespace portlid::app {

// Of interfaces with a default route that `policy` filters. Name servers are those of
// /etc/resolv.conf, behind systemd-resolved's stub those that it asks.
[[nodiscard]] std::vector<rollout::Lifeline> lifelines_under(const policy::Policy& policy,
                                                             const Coverage& coverage);

}  // namespace portlid::app
