// SPDX-License-Identifier: Apache-2.0
// What another policy would change: which ports open or close to whom, whose mode differs, and
// which other settings. Not a text diff: two policies that let the same packets in have no port
// changes, however they are written. Pure; `plan` and `policy diff` ask it.
//
// Ports are compared as if every rule enforced and every owner held its port (as in policy_tests);
// modes and owners are compared on their own.
#pragma once

#include <string>
#include <vector>

#include "policy/model.hpp"
#include "policy/simulate.hpp"
#include "policy/source_space.hpp"

namespace portlid::policy {

struct PortChange {
    std::string zone;
    std::vector<PortRange> ports;  // folded, tcp first
    bool opened = false;           // to `sources`; else closed to them
    SourceWords sources;
    std::string address;           // of this host: "" all, "10.8.0.1", "all but 10.8.0.1"
    Reach before = Reach::Closed;  // for the sources as a whole
    Reach after = Reach::Closed;
};

struct SettingChange {
    std::string what;    // "zone public mode", "service ssh limit", "set office", "ping"
    std::string before;  // "" = absent
    std::string after;
};

struct PolicyDiff {
    std::vector<PortChange> ports;
    std::vector<SettingChange> modes;
    std::vector<SettingChange> settings;
    [[nodiscard]] bool empty() const { return ports.empty() && modes.empty() && settings.empty(); }
};

// Zones are the same when they have the same name; one that only one policy has is a setting.
// Fails when a policy does not compile or the two together are too much for one comparison.
[[nodiscard]] Result<PolicyDiff> diff(const Policy& before, const Policy& after);

// "+ public 5432/tcp to office (closed -> restricted)", one line a change; says so when none.
[[nodiscard]] std::string diff_text(const PolicyDiff& changes);
// {"schema":"portlid.diff/v1","before":FILE,...}, one line.
[[nodiscard]] std::string diff_json(const PolicyDiff& changes, const std::string& before,
                                    const std::string& after);

// diff_settings.cpp
void diff_settings(const Policy& before, const Policy& after, PolicyDiff& out);

}  // namespace portlid::policy
