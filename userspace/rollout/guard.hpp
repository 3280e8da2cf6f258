// SPDX-License-Identifier: Apache-2.0
// The lock-out guard: would a policy that begins to enforce cut the operator's own way in? Asked
// of the compiled policy through the native pipeline, before it is published. Pure.
#pragma once

#include <string>
#include <vector>

#include "policy/simulate.hpp"
#include "rollout/lifelines.hpp"

namespace portlid::rollout {

// A session that must stay possible: its peer must be able to open it again.
struct Session {
    IpAddress peer;
    IpAddress local;
    HostPort port;    // of this host
    std::string via;  // "ssh session", "SSH_CONNECTION of the caller"
    unsigned zone = 0;
};

struct GuardInput {
    const policy::Policy* policy = nullptr;
    const policy::CompiledPolicy* compiled = nullptr;
    const policy::HostTables* tables = nullptr;
    std::vector<Session> sessions;
    std::vector<HostPort> ssh_ports;  // that sshd listens on; `management` must get in there
    std::vector<unsigned> zones;      // that interfaces are in
    std::vector<Lifeline> lifelines;
};

struct Cut {
    std::string what;  // "ssh session from 203.0.113.7 to port 22 (no_service)"
    std::string rule;  // the YAML that would save it
};

// Everything that would be cut; empty: nobody is locked out.
[[nodiscard]] std::vector<Cut> guard(const GuardInput& input);
// One paragraph for people, with the rules to add.
[[nodiscard]] std::string to_string(const std::vector<Cut>& cuts);

}  // namespace portlid::rollout
