// SPDX-License-Identifier: Apache-2.0
// What audit() asks of each port; audit_ports.cpp has the rules, audit_text.cpp the words.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "inventory/audit.hpp"

namespace portlid::inventory {

// A fault of one port, or of neighbouring ports that are alike. `item` is the first port's.
struct PortFault {
    FindingKind kind = FindingKind::NoService;
    event::Severity severity = event::Severity::Medium;
    const Exposure* item = nullptr;
    HostPort last_port;
    std::string what;  // follows "8080/tcp on 0.0.0.0 (web)"
    std::string why;
    std::string advice;  // for faults whose mending is not the same for all of their kind
};

class PortRules {
public:
    explicit PortRules(const AuditInput& input);
    // Sorted by kind, then place; neighbours are one.
    [[nodiscard]] std::vector<PortFault> faults() const;
    [[nodiscard]] bool is_public(const std::string& zone) const { return public_.contains(zone); }

private:
    using Faults = std::vector<PortFault>;
    [[nodiscard]] policy::Reach public_reach(const Exposure& item) const;
    void wildcard_bind(const Exposure& item, Faults& faults) const;
    void no_service(const Exposure& item, Faults& faults) const;
    void no_listener(const Exposure& item, Faults& faults) const;
    void ufw_bypassed(const Exposure& item, Faults& faults) const;
    void ipv6_open(const Exposure& item, Faults& faults) const;
    void sensitive(const Exposure& item, Faults& faults) const;
    void engine_api(const Exposure& item, Faults& faults) const;
    void swarm(const Exposure& item, Faults& faults) const;

    const AuditInput& input_;
    std::set<std::string> public_;  // zones where strangers are
    // IPv4 answers for one port: is there any, and is any of them reachable from the public.
    std::map<std::pair<std::uint8_t, HostPort>, bool> ipv4_open_;
};

// "container web", "nginx", "an unknown process"; printable.
[[nodiscard]] std::string holder_words(const Exposure& item);
[[nodiscard]] Finding to_finding(const PortFault& fault);
// A name as a word of a shell command; "" when it could be anything else but a plain word.
[[nodiscard]] std::string shell_word(const std::string& name);

}  // namespace portlid::inventory
