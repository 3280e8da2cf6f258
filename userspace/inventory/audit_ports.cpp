// SPDX-License-Identifier: Apache-2.0
#include "inventory/audit_ports.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <tuple>

#include "base/text.hpp"

namespace portlid::inventory {

namespace {

using event::Severity;
using policy::Reach;

// Where strangers are: what has the uplink or takes whatever nobody named; else whatever drops by
// default; else everywhere.
std::set<std::string> public_zones(const policy::Policy* policy) {
    std::set<std::string> uplinks, dropping, all;
    if (policy == nullptr) return all;
    for (const auto& zone : policy->zones) {
        const auto& names = zone.interfaces;
        const bool uplink = std::find(names.begin(), names.end(), "uplink") != names.end();
        if (uplink || zone.catch_all) uplinks.insert(zone.name);
        if (zone.default_action == policy::Action::Drop) dropping.insert(zone.name);
        all.insert(zone.name);
    }
    if (!uplinks.empty()) return uplinks;
    return dropping.empty() ? all : dropping;
}

bool names_port(const policy::Service& service, const Exposure& item) {
    return std::any_of(service.ports.begin(), service.ports.end(), [&](const auto& range) {
        return static_cast<std::uint8_t>(range.protocol) == item.protocol &&
               range.first_host <= item.port.value && item.port.value <= range.last_host;
    });
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + printable(word, 128);
    return all;
}

std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> all;
    for (const auto& address : addresses) all.push_back(address.to_string());
    return all;
}

bool ufw_keeps_out(UfwAnswer answer) {
    return answer == UfwAnswer::Deny || answer == UfwAnswer::Reject || answer == UfwAnswer::Limit ||
           answer == UfwAnswer::Restricted;
}

bool held_by_engine(const Exposure& item) {
    if (!item.holder || item.published || item.holder->container) return false;
    const auto name = identity::exe_name(item.holder->exe);
    return name == "dockerd" || name == "podman";
}

bool is_swarm_port(const Exposure& item) {
    const auto port = item.port.value;
    if (item.protocol == IPPROTO_UDP) return port == 7946 || port == 4789;
    return port == 2377 || port == 7946;
}

// Ports last: neighbours stand side by side.
auto order_of(const PortFault& fault) {
    return std::tuple(fault.kind, fault.item->protocol, fault.item->address.value_or(IpAddress()),
                      fault.item->port);
}

bool continues_fault(const PortFault& range, const PortFault& next) {
    return range.kind == next.kind && range.severity == next.severity &&
           range.last_port.value + 1 == next.item->port.value &&
           range.item->protocol == next.item->protocol &&
           range.item->address == next.item->address && range.what == next.what &&
           range.why == next.why && holder_words(*range.item) == holder_words(*next.item);
}

}  // namespace

PortRules::PortRules(const AuditInput& input) : input_(input), public_(public_zones(input.policy)) {
    for (const auto& item : *input.exposures) {
        if (!item.host_netns || !item.address || item.family != Family::IPv4) continue;
        ipv4_open_[{item.protocol, item.port}] |= public_reach(item) != Reach::Closed;
    }
}

Reach PortRules::public_reach(const Exposure& item) const {
    auto widest = Reach::Closed;
    for (const auto& zone : item.reach)
        if (public_.contains(zone.zone)) widest = std::min(widest, zone.now);
    return widest;
}

void PortRules::wildcard_bind(const Exposure& item, Faults& faults) const {
    if (input_.policy == nullptr || !item.address->is_any()) return;
    for (const auto& service : input_.policy->services) {
        if (!names_port(service, item)) continue;
        const bool by_zone = !service.zones.empty() &&
                             std::none_of(service.zones.begin(), service.zones.end(),
                                          [&](const auto& zone) { return public_.contains(zone); });
        if (service.addresses.empty() && !by_zone) continue;
        const bool open = public_reach(item) != Reach::Closed;
        const auto places = joined(by_zone ? service.zones : texts(service.addresses));
        faults.push_back({FindingKind::WildcardBind, open ? Severity::High : Severity::Low, &item,
                          item.port, "listens on every address",
                          fmt::format("service {} means it for {} only; {}",
                                      printable(service.name, 128), places,
                                      open ? "it can be reached from elsewhere now"
                                           : "only Portlid keeps the others out"),
                          places});
        return;
    }
}

void PortRules::no_service(const Exposure& item, Faults& faults) const {
    if (!item.service.empty()) return;
    const auto reach = public_reach(item);
    if (reach == Reach::Closed) {
        if (item.verdict == ExposureVerdict::Closed)
            faults.push_back({FindingKind::NoService,
                              Severity::Low,
                              &item,
                              item.port,
                              "waits for strangers, and no service allows it",
                              "only Portlid drops what comes for it",
                              {}});
        return;
    }
    const bool exposed = item.verdict == ExposureVerdict::Exposed;
    faults.push_back({FindingKind::NoService,
                      !exposed               ? Severity::Medium
                      : reach == Reach::Open ? Severity::High
                                             : Severity::Medium,
                      &item,
                      item.port,
                      reach == Reach::Open ? "can be reached by anybody, and no service allows it"
                                           : "can be reached by some, and no service allows it",
                      exposed ? "the policy would drop it, but nothing drops it now"
                              : "the zone's default lets it in",
                      {}});
}

void PortRules::no_listener(const Exposure& item, Faults& faults) const {
    faults.push_back({FindingKind::NoListener,
                      Severity::Info,
                      &item,
                      item.port,
                      "is open, and nobody listens",
                      fmt::format("service {} opens it: whoever binds it next is reachable at once",
                                  printable(item.service, 128)),
                      {}});
}

void PortRules::ufw_bypassed(const Exposure& item, Faults& faults) const {
    if (!item.published || !item.published->dnat || !ufw_keeps_out(item.ufw)) return;
    if (public_reach(item) == Reach::Closed) return;
    const bool allowed = !item.service.empty();
    faults.push_back(
        {FindingKind::UfwBypassed,
         allowed ? Severity::Low : Severity::Critical,
         &item,
         item.port,
         fmt::format("can be reached although UFW says {}", to_string(item.ufw)),
         std::string("the engine's DNAT sends it to the container before UFW's INPUT chain") +
             (allowed ? "; the policy allows it, so the two firewalls disagree" : ""),
         {}});
}

// The counterpart must exist: a port that only ever was an IPv6 one is no oversight.
void PortRules::ipv6_open(const Exposure& item, Faults& faults) const {
    if (item.family != Family::IPv6 || public_reach(item) == Reach::Closed) return;
    const auto four = ipv4_open_.find({item.protocol, item.port});
    if (four == ipv4_open_.end() || four->second) return;
    faults.push_back({FindingKind::Ipv6Open,
                      item.verdict == ExposureVerdict::Exposed ? Severity::High : Severity::Medium,
                      &item,
                      item.port,
                      "is open over IPv6 and closed over IPv4",
                      "a rule or an address was chosen for one family and forgotten for the other",
                      {}});
}

void PortRules::sensitive(const Exposure& item, Faults& faults) const {
    if (public_reach(item) != Reach::Open) return;
    auto name = sensitive_name(item.protocol, item.port);
    if (name.empty() && item.published)
        name = sensitive_name(item.protocol, item.published->container_port);
    if (name.empty() && item.holder) name = sensitive_program(item.holder->exe);
    if (name.empty()) return;
    faults.push_back({FindingKind::SensitivePort,
                      Severity::High,
                      &item,
                      item.port,
                      fmt::format("is {}, in everybody's reach", name),
                      "databases, caches and administration are searched for and broken into "
                      "within hours",
                      {}});
}

void PortRules::engine_api(const Exposure& item, Faults& faults) const {
    const bool by_port = item.port.value == 2375 || item.port.value == 2376;
    if (item.protocol != IPPROTO_TCP || is_swarm_port(item)) return;
    if (!by_port && !held_by_engine(item)) return;
    const auto reach = public_reach(item);
    const bool tls = item.port.value == 2376;
    const auto severity = reach == Reach::Closed ? Severity::Medium
                          : tls                  ? Severity::High
                                                 : Severity::Critical;
    faults.push_back({FindingKind::EngineApi,
                      severity,
                      &item,
                      item.port,
                      "is a container engine's API on TCP",
                      tls ? "whoever has a client certificate is root on this host"
                          : "whoever connects is root on this host, without a password",
                      {}});
}

void PortRules::swarm(const Exposure& item, Faults& faults) const {
    if (!is_swarm_port(item) || public_reach(item) != Reach::Open) return;
    const bool overlay = item.port.value == 4789;
    faults.push_back({FindingKind::SwarmControl,
                      overlay ? Severity::Critical : Severity::High,
                      &item,
                      item.port,
                      overlay ? "is the overlay network's data port, open to everybody"
                              : "is a Swarm control port, open to everybody",
                      overlay ? "anybody can inject frames into the overlay networks"
                              : "only the cluster's own nodes have business there",
                      {}});
}

std::vector<PortFault> PortRules::faults() const {
    Faults all;
    for (const auto& item : *input_.exposures) {
        if (item.verdict == ExposureVerdict::Unused) {
            no_listener(item, all);
            continue;
        }
        if (!item.host_netns || !item.address) continue;
        wildcard_bind(item, all);
        no_service(item, all);
        ufw_bypassed(item, all);
        ipv6_open(item, all);
        sensitive(item, all);
        engine_api(item, all);
        swarm(item, all);
    }
    std::stable_sort(all.begin(), all.end(), [](const PortFault& a, const PortFault& b) {
        return order_of(a) < order_of(b);
    });
    Faults ranges;
    for (auto& fault : all) {
        if (!ranges.empty() && continues_fault(ranges.back(), fault))
            ranges.back().last_port = fault.last_port;
        else
            ranges.push_back(std::move(fault));
    }
    return ranges;
}

}  // namespace portlid::inventory
