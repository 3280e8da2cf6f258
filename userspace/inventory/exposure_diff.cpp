// SPDX-License-Identifier: Apache-2.0
#include "inventory/exposure_diff.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace portlid::inventory {

namespace {

using policy::Reach;
using Key = std::tuple<std::uint8_t, Family, IpAddress, std::uint32_t, HostPort>;
using Items = std::map<Key, const Exposure*>;  // ports last: neighbours stand side by side

Items items_of(const std::vector<Exposure>& exposures) {
    Items items;
    for (const auto& item : exposures) {
        if (item.verdict == ExposureVerdict::Unused || !item.address) continue;
        items[{item.protocol, item.family, *item.address, item.netns, item.port}] = &item;
    }
    return items;
}

std::string holder_identity(const Exposure& item) {
    if (!item.holder) return {};
    const auto& container = item.holder->container;
    return item.holder->exe + '\0' + (container ? container->id : std::string());
}

bool same_reach(const ZoneReach& a, const ZoneReach& b) {
    return std::tie(a.zone, a.now, a.enforced) == std::tie(b.zone, b.now, b.enforced);
}

// Everything an operator would act on; pids and ports aside.
bool alike(const Exposure& a, const Exposure& b) {
    const bool published = a.published.has_value() == b.published.has_value() &&
                           (!a.published || a.published->proxy == b.published->proxy);
    return published && a.verdict == b.verdict && a.ufw == b.ufw && a.service == b.service &&
           holder_identity(a) == holder_identity(b) &&
           std::equal(a.reach.begin(), a.reach.end(), b.reach.begin(), b.reach.end(), same_reach);
}

bool continues(const ExposureChange& range, const ExposureChange& next) {
    const auto& a = range.exposure;
    const auto& b = next.exposure;
    return range.kind == next.kind && range.previous == next.previous &&
           range.last_port.value + 1 == b.port.value &&
           std::tie(a.protocol, a.family, a.address, a.netns) ==
               std::tie(b.protocol, b.family, b.address, b.netns) &&
           alike(a, b);
}

void add(std::vector<ExposureChange>& changes, ExposureChange change) {
    if (change.last_port.value == 0) change.last_port = change.exposure.port;
    if (changes.empty() || !continues(changes.back(), change)) {
        changes.push_back(std::move(change));
        return;
    }
    changes.back().last_port = change.last_port;
    changes.back().severity = std::max(changes.back().severity, change.severity);
}

void sort_by_port(std::vector<ExposureChange>& changes) {
    std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) {
        return a.exposure.port < b.exposure.port;
    });
}

bool open_somewhere(const Exposure& item, Reach reach) {
    return std::any_of(item.reach.begin(), item.reach.end(),
                       [&](const ZoneReach& zone) { return zone.now == reach; });
}

bool ufw_denies(UfwAnswer answer) {
    return answer == UfwAnswer::Deny || answer == UfwAnswer::Reject;
}

}  // namespace

std::vector<ExposureChange> coalesced(std::vector<ExposureChange> changes) {
    sort_by_port(changes);
    std::vector<ExposureChange> ranges;
    for (auto& change : changes) add(ranges, std::move(change));
    return ranges;
}

event::Severity severity_of(const Exposure& exposure) {
    const bool open = open_somewhere(exposure, Reach::Open);
    const bool some = open_somewhere(exposure, Reach::Restricted);
    if (exposure.verdict == ExposureVerdict::Exposed) {
        if (ufw_denies(exposure.ufw)) return event::Severity::Critical;
        return open ? event::Severity::High : event::Severity::Medium;
    }
    const bool dropped = exposure.verdict == ExposureVerdict::Closed;
    return open || some || dropped ? event::Severity::Low : event::Severity::Info;
}

event::Scope scope_of(const Exposure& exposure) {
    if (!exposure.host_netns) return event::Scope::Container;
    if (open_somewhere(exposure, Reach::Open)) return event::Scope::Public;
    return open_somewhere(exposure, Reach::Restricted) ? event::Scope::Zone : event::Scope::Host;
}

std::vector<ExposureChange> diff(const std::vector<Exposure>& before,
                                 const std::vector<Exposure>& after) {
    const auto old_items = items_of(before);
    const auto new_items = items_of(after);
    std::vector<ExposureChange> opened;
    std::vector<ExposureChange> changed;
    std::vector<ExposureChange> closed;
    for (const auto& [key, item] : new_items) {
        const auto old = old_items.find(key);
        if (old == old_items.end())
            add(opened, {event::Kind::ExposureOpened, severity_of(*item), *item, {}, {}});
        else if (!alike(*old->second, *item))
            add(changed, {event::Kind::ExposureChanged,
                          severity_of(*item),
                          *item,
                          old->second->verdict,
                          {}});
    }
    for (const auto& [key, item] : old_items) {
        if (new_items.contains(key)) continue;
        add(closed, {event::Kind::ExposureClosed, event::Severity::Info, *item, {}, {}});
    }
    for (auto* more : {&changed, &closed})
        std::move(more->begin(), more->end(), std::back_inserter(opened));
    sort_by_port(opened);
    return opened;
}

event::ExposureView event_view(const Exposure& exposure) {
    event::ExposureView view;
    view.protocol = exposure.protocol;
    view.family = exposure.family;
    view.address = exposure.address;
    view.port = exposure.port;
    view.netns = exposure.netns;
    view.preexisting = exposure.preexisting;
    view.ufw = to_string(exposure.ufw);
    view.service = exposure.service;
    view.verdict = to_string(exposure.verdict);
    if (const auto& p = exposure.published)
        view.published = {p->host_address, exposure.port, p->container_port, p->proxy};
    for (const auto& zone : exposure.reach)
        view.reach.push_back(
            {zone.zone, policy::to_string(zone.now), policy::to_string(zone.enforced)});
    if (const auto& h = exposure.holder) {
        view.holder = event::HolderProcess{h->pid, h->exe, h->comm, h->user, h->unit, {}};
        if (const auto& c = h->container)
            view.holder->container = {c->id, c->name, c->image, c->compose_project,
                                      c->compose_service};
    }
    return view;
}

nlohmann::ordered_json change_body(const event::Origin& origin, const ExposureChange& change) {
    auto view = event_view(change.exposure);
    if (change.previous) view.previous_verdict = to_string(*change.previous);
    auto body = event::exposure_body(origin, view);
    if (change.ports() > 1)
        body["ports"] = {{"first", change.exposure.port.value}, {"last", change.last_port.value}};
    return body;
}

}  // namespace portlid::inventory
