// SPDX-License-Identifier: Apache-2.0
#include "policy/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/lookups.hpp"
#include "policy/plan.hpp"
#include "policy/policy_tests.hpp"

namespace portlid::policy {

namespace {

// Indices of the services, then of the failsafe rules, that name a port in a zone.
using Cover = std::vector<std::size_t>;

// One change of a segment, before segments are folded.
struct Finding {
    bool opened = false;
    SourceWords sources;
    std::string address;
    Reach before = Reach::Closed;
    Reach after = Reach::Closed;
    auto operator<=>(const Finding&) const = default;
};

// One policy as the comparison sees it.
struct Side {
    Policy policy;  // as if enforced
    CompiledPolicy compiled;
    unsigned zone = 0;
};

Result<Side> side_of(const Policy& written) {
    Side side;
    side.policy = as_if_enforced(written);
    auto compiled = compile(side.policy);
    if (!compiled) return pass_on(compiled.error());
    side.compiled = std::move(*compiled);
    return side;
}

Cover cover_of(const Policy& policy, const std::string& zone, PortProtocol protocol,
               std::uint32_t port) {
    Cover cover;
    const auto& services = policy.services;
    for (std::size_t i = 0; i < services.size(); ++i)
        if (in_zone(services[i], zone) && names(services[i].ports, protocol, port))
            cover.push_back(i);
    for (std::size_t i = 0; i < policy.failsafe.size(); ++i)
        if (names(policy.failsafe[i].ports, protocol, port)) cover.push_back(services.size() + i);
    return cover;
}

// First ports of the stretches within which no rule of either policy begins or ends.
void add_borders(const Policy& policy, PortProtocol protocol, std::set<std::uint32_t>& borders) {
    const auto add = [&](const std::vector<PortRange>& ports) {
        for (const auto& range : ports) {
            if (range.protocol != protocol) continue;
            borders.insert(range.first_host);
            borders.insert(range.last_host + 1U);
        }
    };
    for (const auto& service : policy.services) add(service.ports);
    for (const auto& rule : policy.failsafe) add(rule.ports);
}

class Comparison {
public:
    Comparison(Side before, Side after, SourceSpace space)
        : before_(std::move(before)), after_(std::move(after)), space_(std::move(space)) {
        for (const auto* side : {&before_, &after_})
            for (const auto& service : side->policy.services)
                addresses_.insert(service.addresses.begin(), service.addresses.end());
    }

    // Both policies have the zone.
    void zone(const std::string& name, PolicyDiff& out) {
        before_.zone = index_of(before_.policy, name);
        after_.zone = index_of(after_.policy, name);
        known_.clear();
        std::map<Finding, std::vector<PortRange>> found;
        for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp})
            sweep(name, protocol, found);
        for (auto& [finding, ports] : found)
            out.ports.push_back({name, std::move(ports), finding.opened, finding.sources,
                                 finding.address, finding.before, finding.after});
    }

private:
    struct Sets {
        SourceChoice before;  // who gets in
        SourceChoice after;
        SourceChoice universe;
        [[nodiscard]] bool same() const { return before == after; }
    };

    static unsigned index_of(const Policy& policy, const std::string& zone) {
        unsigned index = 0;
        while (policy.zones[index].name != zone) ++index;
        return index;
    }

    void sweep(const std::string& zone, PortProtocol protocol,
               std::map<Finding, std::vector<PortRange>>& found) {
        std::set<std::uint32_t> borders{1};
        add_borders(before_.policy, protocol, borders);
        add_borders(after_.policy, protocol, borders);
        borders.insert(PORTS);
        for (auto at = borders.begin(); *at != PORTS; ++at) {
            const PortRange range{protocol, static_cast<std::uint16_t>(*at),
                                  static_cast<std::uint16_t>(*std::next(at) - 1)};
            for (const auto& finding : findings(zone, range)) fold(found[finding], range);
        }
    }

    static void fold(std::vector<PortRange>& ports, const PortRange& range) {
        const bool adjacent = !ports.empty() && ports.back().protocol == range.protocol &&
                              ports.back().last_host + 1 == range.first_host;
        if (adjacent)
            ports.back().last_host = range.last_host;
        else
            ports.push_back(range);
    }

    const std::vector<Finding>& findings(const std::string& zone, const PortRange& range) {
        auto key = std::pair(cover_of(before_.policy, zone, range.protocol, range.first_host),
                             cover_of(after_.policy, zone, range.protocol, range.first_host));
        const auto [entry, is_new] = known_.try_emplace(std::move(key));
        if (is_new) entry->second = compare(range);
        return entry->second;
    }

    // Whole addresses first, then those that a service names and that differ from the rest.
    std::vector<Finding> compare(const PortRange& range) {
        std::vector<Finding> out;
        const auto general = sets_of(range, std::nullopt);
        std::string exceptions;
        std::vector<std::pair<std::string, Sets>> special;
        for (const auto& address : addresses_) {
            auto sets = sets_of(range, address);
            if (equal_within(general, sets)) continue;
            exceptions += (exceptions.empty() ? "all but " : ", ") + address.to_string();
            special.emplace_back(address.to_string(), std::move(sets));
        }
        add_findings(general, exceptions, out);
        for (const auto& [address, sets] : special) add_findings(sets, address, out);
        return out;
    }

    // The same answers for the family of `special`.
    static bool equal_within(const Sets& general, const Sets& special) {
        for (std::size_t i = 0; i < special.universe.size(); ++i)
            if (special.universe[i] &&
                (general.before[i] != special.before[i] || general.after[i] != special.after[i]))
                return false;
        return true;
    }

    Sets sets_of(const PortRange& range, const std::optional<IpAddress>& address) {
        const auto& parts = space_.parts();
        Sets sets{SourceChoice(parts.size()), SourceChoice(parts.size()),
                  SourceChoice(parts.size())};
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (address && address->family() != parts[i].family) continue;
            for (const auto& source : parts[i].examples) {
                const auto now = ask(before_, range, source, address);
                if (now.why == REASON_martian) continue;
                sets.universe[i] = true;
                sets.before[i] = now.verdict == VERDICT_allow;
                sets.after[i] = ask(after_, range, source, address).verdict == VERDICT_allow;
                break;
            }
        }
        return sets;
    }

    static Judgement ask(const Side& side, const PortRange& range, const IpAddress& source,
                         const std::optional<IpAddress>& address) {
        HostTables tables;
        if (address) tables.own.insert(*address);
        Probe probe;
        probe.zone = side.zone;
        probe.protocol = static_cast<std::uint8_t>(range.protocol);
        probe.source = source;
        probe.destination = address.value_or(IpAddress::any(source.family()));
        probe.port = {range.first_host};
        return judge_probe(side.compiled, tables, probe);
    }

    [[nodiscard]] Reach reach_of(const SourceChoice& passes) const {
        auto reach = Reach::Closed;
        for (std::size_t i = 0; i < passes.size(); ++i) {
            if (!passes[i]) continue;
            if (space_.parts()[i].unlisted) return Reach::Open;
            reach = Reach::Restricted;
        }
        return reach;
    }

    void add_findings(const Sets& sets, const std::string& address, std::vector<Finding>& out) {
        if (sets.same()) return;
        for (const bool opened : {true, false}) {
            SourceChoice changed(sets.before.size());
            bool some = false;
            for (std::size_t i = 0; i < changed.size(); ++i) {
                changed[i] = sets.before[i] != opened && sets.after[i] == opened;
                some = some || changed[i];
            }
            if (some)
                out.push_back({opened, space_.describe(changed, sets.universe), address,
                               reach_of(sets.before), reach_of(sets.after)});
        }
    }

    Side before_;
    Side after_;
    SourceSpace space_;
    std::set<IpAddress> addresses_;
    std::map<std::pair<Cover, Cover>, std::vector<Finding>> known_;  // of the zone at hand
};

}  // namespace

Result<PolicyDiff> diff(const Policy& before, const Policy& after) {
    auto first = side_of(before);
    if (!first) return pass_on(first.error(), before.file);
    auto second = side_of(after);
    if (!second) return pass_on(second.error(), after.file);
    auto space = SourceSpace::build(before, after);
    if (!space) return pass_on(space.error());
    Comparison comparison(std::move(*first), std::move(*second), std::move(*space));
    PolicyDiff out;
    for (const auto& zone : after.zones)
        if (std::any_of(before.zones.begin(), before.zones.end(),
                        [&](const Zone& other) { return other.name == zone.name; }))
            comparison.zone(zone.name, out);
    diff_settings(before, after, out);
    return out;
}

}  // namespace portlid::policy
