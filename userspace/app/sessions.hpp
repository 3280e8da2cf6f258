// SPDX-License-Identifier: Apache-2.0
// The ways in that an operator uses now: SSH sessions of this host, and the caller's own.
#pragma once

#include <string>
#include <vector>

#include "app/coverage.hpp"
#include "app/observer.hpp"
#include "rollout/guard.hpp"

namespace portlid::app {

struct WaysIn {
    std::vector<rollout::Session> sessions;  // through interfaces that `policy` filters
    std::vector<HostPort> ssh_ports;         // 22, and what an sshd listens on
};

// `observer` may be null (not sensing yet): then only port 22 is known. `ssh_connection` is the
// caller's environment variable, "CLIENT CPORT SERVER SPORT"; it counts when SERVER is ours.
[[nodiscard]] Result<WaysIn> ways_in(const policy::Policy& policy, const Coverage& coverage,
                                     Observer* observer, const std::string& ssh_connection);

}  // namespace portlid::app
