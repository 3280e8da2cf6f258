// SPDX-License-Identifier: Apache-2.0
// `portlid explain`: which rule decides about a packet and why, then what Docker and UFW would do
// with it. One answer for the daemon and for --offline.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "identity/engine.hpp"
#include "inventory/firewall.hpp"
#include "nat/rules.hpp"
#include "policy/simulate.hpp"

namespace portlid::app {

// SRC [to] [DST]:PORT[/PROTO], understood.
struct Question {
    IpAddress source;
    std::optional<IpAddress> destination;  // none: any own address of the source's family
    HostPort port;
    std::uint8_t protocol = 6;
    std::string interface_name;  // empty: the first zone's
};
// `source` "any" stands for a stranger nobody lists. Fails with exit code 2.
[[nodiscard]] Result<Question> parse_question(const std::string& source,
                                              const std::string& destination);

struct ExplainContext {
    const policy::Policy* policy = nullptr;
    const policy::CompiledPolicy* compiled = nullptr;
    policy::HostTables tables;
    // Of the interface that the packet comes through: what a stranger aims at.
    std::vector<IpAddress> addresses;
    unsigned zone = 0;
    std::string interface_name;  // empty: offline
    bool force_monitor = false;
    bool attached = true;                                    // false: nothing filters there now
    const inventory::Ufw* ufw = nullptr;                     // null: not looked at
    std::shared_ptr<const identity::EngineSnapshot> engine;  // null: not looked at
    std::shared_ptr<const nat::Rules> nat;                   // null: not looked at
};

// The document of contract §5.
[[nodiscard]] nlohmann::ordered_json explain(const ExplainContext& context,
                                             const Question& question);

}  // namespace portlid::app
