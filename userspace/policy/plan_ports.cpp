// SPDX-License-Identifier: Apache-2.0
// Ports -> rule sets -> cells. Ranges are swept, so a range costs as much as a single port.
#include <fmt/format.h>

#include <algorithm>

#include "policy/plan.hpp"

namespace portlid::policy {

namespace {

// Services first, then failsafe rules, as one numbering.
using RuleId = std::size_t;

struct Edge {
    std::uint32_t port = 0;
    RuleId rule = 0;
    int change = 0;  // +1 the rule names ports from here, -1 it no longer does
};

// The cells of one rule set before they have a place.
struct CellBlock {
    std::uint16_t source_span = 1;
    std::uint16_t destination_span = 1;
    std::vector<std::uint16_t> cells;
    auto operator<=>(const CellBlock&) const = default;
};

class PortPlanner {
public:
    explicit PortPlanner(Plan& plan) : plan_(plan) {}

    Result<> zone(std::size_t index) {
        known_.clear();
        for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp})
            if (auto done = sweep(index, protocol); !done) return done;
        return {};
    }
    [[nodiscard]] std::uint32_t cell_count() const { return cell_count_; }

private:
    Result<> sweep(std::size_t zone_index, PortProtocol protocol) {
        auto* ports = plan_.image().ports[zone_index][protocol == PortProtocol::Udp ? 1 : 0];
        const auto edges = collect_edges(zone_index, protocol);
        std::map<RuleId, int> active;
        for (std::size_t i = 0; i < edges.size(); ++i) {
            auto& count = active[edges[i].rule];
            count += edges[i].change;
            if (count == 0) active.erase(edges[i].rule);
            const auto next = i + 1 < edges.size() ? edges[i + 1].port : PORTS;
            if (active.empty() || next == edges[i].port) continue;
            at_ = {protocol, static_cast<std::uint16_t>(edges[i].port),
                   static_cast<std::uint16_t>(next - 1)};
            const auto set = rule_set_of(zone_index, active);
            if (!set) return pass_on(set.error());
            std::fill(ports + edges[i].port, ports + next, *set);
        }
        return {};
    }

    [[nodiscard]] std::vector<Edge> collect_edges(std::size_t zone_index,
                                                  PortProtocol protocol) const {
        std::vector<Edge> edges;
        const auto add = [&](const std::vector<PortRange>& ports, RuleId rule) {
            for (const auto& range : ports) {
                if (range.protocol != protocol) continue;
                edges.push_back({range.first_host, rule, 1});
                edges.push_back({range.last_host + 1U, rule, -1});
            }
        };
        const auto& policy = plan_.policy;
        for (std::size_t i = 0; i < policy.services.size(); ++i)
            if (in_zone(policy.services[i], policy.zones[zone_index].name))
                add(policy.services[i].ports, i);
        for (std::size_t i = 0; i < policy.failsafe.size(); ++i)
            add(policy.failsafe[i].ports, policy.services.size() + i);
        std::stable_sort(edges.begin(), edges.end(),
                         [](const Edge& a, const Edge& b) { return a.port < b.port; });
        return edges;
    }

    // What comes after a service that opens to everybody everywhere changes nothing.
    [[nodiscard]] std::vector<RuleId> deciding(const std::map<RuleId, int>& active) const {
        const auto& services = plan_.policy.services;
        std::vector<RuleId> ids;
        bool open = false;
        for (const auto& [rule, count] : active) {
            const bool is_service = rule < services.size();
            if (is_service && open) continue;
            ids.push_back(rule);
            if (!is_service) continue;
            const auto& service = services[rule];
            open =
                service.from_any && service.addresses.empty() && !service.owner && !service.limit;
        }
        return ids;
    }

    Result<std::uint16_t> rule_set_of(std::size_t zone_index, const std::map<RuleId, int>& active) {
        const auto ids = deciding(active);
        if (const auto known = known_.find(ids); known != known_.end()) return known->second;
        PortRules rules;
        rules.zone = zone_index;
        const auto services = plan_.policy.services.size();
        for (const auto id : ids) {
            if (id < services)
                rules.services.push_back(id);
            else
                rules.failsafes.push_back(id - services);
        }
        if (auto done = count_conditions(rules); !done) return pass_on(done.error());
        auto block = fill(rules);
        if (!block) return pass_on(block.error());
        auto index = store(rules, std::move(*block));
        if (index) known_[ids] = *index;
        return index;
    }

    Result<> count_conditions(const PortRules& rules) {
        std::size_t conditions = 0;
        for (const auto i : rules.services) {
            conditions += (plan_.limits[i].kind != 0 ? 1U : 0U) + (plan_.owners[i] != 0 ? 1U : 0U);
            if (conditions > MAX_CHAINED_CONDITIONS)
                return limit(&plan_.policy.services[i], "limits and owners of services on one port",
                             MAX_CHAINED_CONDITIONS);
        }
        return {};
    }

    Result<CellBlock> fill(const PortRules& rules) {
        const auto& head = plan_.image().head;
        CellBlock block;
        if (source_matters(rules))
            block.source_span = static_cast<std::uint16_t>(head.source_classes);
        if (destination_matters(rules))
            block.destination_span = static_cast<std::uint16_t>(head.destination_classes);
        for (std::size_t to = 0; to < block.destination_span; ++to) {
            for (std::size_t from = 0; from < block.source_span; ++from) {
                block.cells.push_back(decide(plan_, rules, from, to));
                if (block.cells.back() == 0)
                    return limit(last_of(rules), "outcomes, or limits with other outcomes,",
                                 MAX_CONDITIONS);
            }
        }
        const auto first = block.cells.front();
        if (std::all_of(block.cells.begin(), block.cells.end(),
                        [&](std::uint16_t cell) { return cell == first; }))
            return CellBlock{1, 1, {first}};
        return block;
    }

    [[nodiscard]] bool source_matters(const PortRules& rules) const {
        const auto limited = [](const auto& list, const auto& from) {
            return std::any_of(list.begin(), list.end(),
                               [&](std::size_t i) { return from[i].has_value(); });
        };
        return limited(rules.services, plan_.service_from) ||
               limited(rules.services, plan_.limit_exempt) ||
               limited(rules.failsafes, plan_.failsafe_from);
    }
    [[nodiscard]] bool destination_matters(const PortRules& rules) const {
        return std::any_of(rules.services.begin(), rules.services.end(), [&](std::size_t i) {
            return !plan_.policy.services[i].addresses.empty();
        });
    }

    // None where only failsafe rules name the port.
    const Service* last_of(const PortRules& rules) const {
        return rules.services.empty() ? nullptr : &plan_.policy.services[rules.services.back()];
    }

    Result<std::uint16_t> store(const PortRules& rules, CellBlock block) {
        const auto [entry, is_new] = blocks_.emplace(std::move(block), next_set_);
        if (!is_new) return entry->second;
        const auto& stored = entry->first;
        if (next_set_ >= MAX_RULE_SETS)
            return limit(last_of(rules), "combinations of services", MAX_RULE_SETS);
        if (cell_count_ + stored.cells.size() > MAX_CELLS)
            return limit(last_of(rules), "cells", MAX_CELLS);
        auto& image = plan_.image();
        std::copy(stored.cells.begin(), stored.cells.end(), image.cells + cell_count_);
        image.rule_sets[next_set_] = {cell_count_, stored.source_span, stored.destination_span};
        cell_count_ += static_cast<std::uint32_t>(stored.cells.size());
        return next_set_++;
    }

    tl::unexpected<Error> limit(const Service* last, const char* what, unsigned most) {
        if (last != nullptr) plan_.refused_at = last->place;
        return fail(fmt::format("{} on {}: the services differ in too many ways: more than {} {}",
                                last == nullptr ? "failsafe" : "service " + last->name,
                                to_string(at_), most, what),
                    "let services share their sets, zones and port ranges",
                    ExitCode::PolicyInvalid);
    }

    Plan& plan_;
    std::map<std::vector<RuleId>, std::uint16_t> known_;  // of the zone at hand
    std::map<CellBlock, std::uint16_t> blocks_;           // of all zones
    std::uint16_t next_set_ = 1;                          // 0 = no service
    std::uint32_t cell_count_ = 0;
    PortRange at_;  // that is planned
};

}  // namespace

Result<> plan_ports(Plan& plan) {
    PortPlanner planner(plan);
    for (std::size_t i = 0; i < plan.policy.zones.size(); ++i)
        if (auto done = planner.zone(i); !done) return done;
    plan.image().head.cell_count = planner.cell_count();
    plan.image().head.decision_count = plan.decisions.size();
    return {};
}

}  // namespace portlid::policy
