// SPDX-License-Identifier: Apache-2.0
// What containers ask for by their labels, and how much of it the policy's `labels.ceiling` covers.
// Whoever may start a container writes its labels, so a word that cannot be read, or that asks for
// more than one ceiling entry gives, opens nothing at all of the port. Pure values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "policy/model.hpp"

namespace portlid::rollout {

// The labels of one running container, taken apart but not yet judged.
struct LabelAsk {
    std::string id;                        // of the container
    std::string container;                 // its name
    std::vector<policy::PortRange> ports;  // of the host
    std::vector<std::string> from;         // set names, prefixes, `any`
    std::string length;                    // of portlid.allow-for; empty = as the ceiling says
    std::string started;                   // when, in the engine's words: names this run of it
    std::optional<BootTime> started_at;    // none: the engine did not say
    std::string problem;                   // why the labels cannot be read; then they open nothing
    auto operator<=>(const LabelAsk&) const = default;
};

// What labels are read from. `published`: host ports that the engine publishes for it.
struct LabelSource {
    std::string id;
    std::string container;
    std::map<std::string, std::string> labels;
    std::vector<policy::PortRange> published;
    std::string started;
};
// None when no label of it begins with "portlid.".
[[nodiscard]] std::optional<LabelAsk> read_labels(const LabelSource& source);
// When a container that the engine says started at `text` (RFC 3339) did; never later than `now`.
[[nodiscard]] std::optional<BootTime> started_at(const std::string& text, BootTime now,
                                                 WallTime wall);

// What one ask comes to under one policy.
struct LabelAnswer {
    struct Opening {
        policy::Service service;  // owned by that very container
        std::optional<BootTime> until;
    };
    std::vector<Opening> openings;     // one for each instant at which something ends
    std::vector<std::string> refused;  // what opens nothing, and why: "8150/tcp: no ceiling …"
    std::vector<policy::PortRange> ended;
};
// In the order of `asks`. `policy` without what labels open. Names of services are unique.
[[nodiscard]] std::vector<LabelAnswer> weigh(const policy::Policy& policy,
                                             const std::vector<LabelAsk>& asks, BootTime now);

}  // namespace portlid::rollout
