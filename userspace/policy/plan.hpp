// SPDX-License-Identifier: Apache-2.0
// What the steps of compile() share. Private to the room.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "policy/compile.hpp"
#include "policy/source_classes.hpp"

namespace portlid::policy {

// Decisions by value; index 0 stays unused so that a zeroed cell decides nothing.
class DecisionTable {
public:
    explicit DecisionTable(policy_image& image) : image_(image) {}
    // 0 when the table is full.
    [[nodiscard]] std::uint16_t add(const decision& value);
    [[nodiscard]] std::uint32_t size() const { return next_; }

private:
    using Key = std::tuple<std::uint16_t, std::uint8_t, std::uint8_t, std::uint8_t, std::uint8_t,
                           std::uint16_t>;
    policy_image& image_;
    std::map<Key, std::uint16_t> known_;
    std::uint16_t next_ = 1;
};

// Conditions by (what must hold, what decides otherwise); index 0 stays unused: no condition.
class ConditionTable {
public:
    explicit ConditionTable(policy_image& image) : image_(image) {}
    // 0 when the table is full.
    [[nodiscard]] std::uint16_t add(const condition& value);

private:
    policy_image& image_;
    std::map<std::tuple<std::uint64_t, std::uint16_t, std::uint16_t>, std::uint16_t> known_;
    std::uint16_t next_ = 1;
};

// First 8 bytes of the SHA-256 of a name: what stays the same across generations.
[[nodiscard]] std::uint64_t name_hash(const std::string& name);

[[nodiscard]] bool in_zone(const Service& service, const std::string& zone);

struct Plan {
    Plan(const Policy& wanted, CompileOptions wanted_options);

    const Policy& policy;
    CompileOptions options;
    Place refused_at;  // of the service that a step could not take; line 0 = no one place
    CompiledPolicy out;
    DecisionTable decisions;
    ConditionTable conditions;
    SourceTrie trie;
    std::vector<std::optional<GroupId>> service_from;  // none = everybody
    std::vector<std::optional<GroupId>> failsafe_from;
    std::vector<std::optional<GroupId>> limit_exempt;  // by service; none = nobody
    std::vector<condition> limits;                     // by service; kind 0 = no limit
    std::vector<std::uint64_t> owners;                 // by service; owner_key(), 0 = anybody
    std::optional<GroupId> deny;
    std::optional<GroupId> management;
    std::vector<std::uint16_t> service_rule;
    std::vector<std::uint16_t> failsafe_rule;
    std::vector<std::vector<std::size_t>> destination_services;  // by class: naming services

    [[nodiscard]] bool enforces(Mode mode) const {
        return mode == Mode::Enforce && !options.cap_to_monitor;
    }
    [[nodiscard]] policy_image& image() { return *out.image; }
    // Appends to out.rules and returns the index. A default that nobody wrote has its rule too
    // (source "built-in"), so that writing it out changes no image.
    [[nodiscard]] std::uint16_t add_rule(const std::string& name, const Place& place);
};

// The steps, in their order.
[[nodiscard]] Result<> plan_sources(Plan& plan);       // plan_sources.cpp: classes, trie, flags
[[nodiscard]] Result<> plan_destinations(Plan& plan);  // plan_destinations.cpp: `addresses:`
[[nodiscard]] Result<> plan_zones(Plan& plan);         // plan_zones.cpp: zone_rules, rule names
[[nodiscard]] Result<> plan_modes(Plan& plan);         // plan_modes.cpp: who enforces, by name
[[nodiscard]] Result<> plan_limits(Plan& plan);        // plan_limits.cpp: `limit:` as conditions
[[nodiscard]] Result<> plan_ports(Plan& plan);         // plan_ports.cpp: ports, rule sets, cells
// The closing or opening decision of one combination; plan_decide.cpp. `services` and
// `failsafes` are those that name the port in the zone, in file order.
struct PortRules {
    std::size_t zone = 0;
    std::vector<std::size_t> services;
    std::vector<std::size_t> failsafes;
};
// 0 when the decision or the condition table is full.
[[nodiscard]] std::uint16_t decide(Plan& plan, const PortRules& rules, std::size_t source_class,
                                   std::size_t destination_class);

}  // namespace portlid::policy
