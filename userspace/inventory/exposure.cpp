// SPDX-License-Identifier: Apache-2.0
#include "inventory/exposure.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "inventory/publish_index.hpp"
#include "inventory/reach.hpp"
#include "inventory/slots.hpp"
#include "inventory/unused.hpp"

namespace portlid::inventory {

namespace {

struct Join {
    const JoinInput& input;
    PublishIndex index;
    // One view a holder; null while nobody asked.
    mutable std::unordered_map<const Holder*, HolderViewPtr> views;
};

HolderView view_of(const Holder& holder, const PublishIndex& index) {
    const auto& process = holder.process;
    HolderView view{process.pid, process.exe, process.comm, process.user, process.unit, {}};
    if (!process.container_id.empty()) view.container = index.name_of(process.container_id);
    return view;
}

HolderViewPtr shared_view(const Join& join, const HolderPtr& holder) {
    auto& view = join.views[holder.get()];
    if (!view) view = std::make_shared<const HolderView>(view_of(*holder, join.index));
    return view;
}

// `holder` (null = not known), named after the container that the engine publishes.
HolderViewPtr speaking_for(const HolderViewPtr& holder, const identity::Container& container) {
    auto view = holder ? *holder : HolderView{container.pid, {}, {}, {}, {}, {}};
    view.container = container_name(container);
    return std::make_shared<const HolderView>(std::move(view));
}

Published published_of(const Publish& publish, bool proxy) {
    return {publish.port->host_address, publish.port->container_port, proxy,
            is_dnat(*publish.port)};
}

// What no engine told: a rule says that packets for the port go elsewhere, not to whose container.
void add_nat(const Join& join, bool proxy, Exposure& item) {
    if (!join.input.nat || !item.host_netns) return;
    const auto* rule = nat::find(*join.input.nat, item.protocol, *item.address, item.port);
    if (rule != nullptr)
        item.published = {rule->host_address, rule->inner_port(item.port), proxy, true};
}

// Only a proven docker-proxy, dockerd or conmon speaks for the container that the engine names.
// Whoever else sits on a published port stays himself; the DNAT before him is still the engine's.
void add_holder(const Join& join, const Listener& listener, Exposure& item) {
    const auto* publish =
        item.host_netns ? join.index.find(item.protocol, *item.address, item.port) : nullptr;
    const bool known = listener.holder && listener.holder->process.pid != 0;
    const bool proxy = known && item.host_netns && is_docker_proxy(*listener.holder);
    if (known) item.holder = shared_view(join, listener.holder);
    if (listener.binder) item.binder = shared_view(join, listener.binder);
    if (publish != nullptr) {
        item.published = published_of(*publish, proxy);
        if (!known || speaks_for(*listener.holder, *publish->container))
            item.holder = speaking_for(item.holder, *publish->container);
    } else if (proxy) {
        item.published = published_by_arguments(listener.holder->process, item.protocol,
                                                *item.address, item.port);
    }
    if (!item.published) add_nat(join, proxy, item);
}

void add_reach(const Join& join, Path path, Exposure& item) {
    const auto& input = join.input;
    if (item.host_netns) item.ufw = input.ufw.answer(item.protocol, *item.address, item.port);
    if (input.policy != nullptr && item.host_netns)
        item.service = policy::service_on(*input.policy, item.protocol, item.port);
    auto judged = judge_reach(input, item.protocol, *item.address, item.port, path, item.ufw);
    item.reach = std::move(judged.reach);
    item.verdict = judged.verdict;
}

Path path_to(const Exposure& item) {
    if (!item.host_netns || item.address->is_loopback()) return Path::Nowhere;
    return item.published && item.published->dnat ? Path::Dnat : Path::Input;
}

Exposure at(const Slot& slot, std::uint32_t host_netns) {
    Exposure item;
    item.protocol = slot.protocol;
    item.family = slot.address.family();
    item.address = slot.address;
    item.port = slot.port;
    item.netns = slot.netns;
    item.host_netns = slot.netns == host_netns;
    return item;
}

Exposure from_sockets(const Join& join, const Slot& slot,
                      const std::vector<const Listener*>& group) {
    auto item = at(slot, join.input.host_netns);
    const auto* oldest = *std::min_element(group.begin(), group.end(),
                                           [](auto* a, auto* b) { return a->since < b->since; });
    item.since = oldest->since;
    item.preexisting = oldest->preexisting;
    add_holder(join, representative(group), item);
    add_reach(join, path_to(item), item);
    return item;
}

// Published, but no socket on the host: only DNAT leads there, and none can across families.
Exposure from_publish(const Join& join, const Slot& slot, const Publish& publish) {
    auto item = at(slot, join.input.host_netns);
    item.published = published_of(publish, false);
    item.holder = speaking_for(nullptr, *publish.container);
    const bool dead = !item.published->dnat || item.address->is_loopback();
    add_reach(join, dead ? Path::Nowhere : Path::Dnat, item);
    return item;
}

// A rule without a socket and without a publication. Of a wide range only the first port.
void add_from_nat(const Join& join, std::vector<Exposure>& items) {
    constexpr unsigned kOneByOne = 1024;
    if (!join.input.nat) return;
    std::set<Slot> known;
    for (const auto& item : items)
        if (item.host_netns && item.address)
            known.insert({item.port, item.protocol, *item.address, item.netns});
    for (const auto& rule : join.input.nat->dnat) {
        const bool wide = rule.last.value >= rule.first.value + kOneByOne;
        const unsigned last = wide ? rule.first.value : rule.last.value;
        for (unsigned port = rule.first.value; port <= last; ++port) {
            const Slot slot{{static_cast<std::uint16_t>(port)},
                            rule.protocol,
                            rule.host_address,
                            join.input.host_netns};
            if (!known.insert(slot).second) continue;
            auto item = at(slot, join.input.host_netns);
            item.published = {rule.host_address, rule.inner_port(slot.port), false, true};
            add_reach(join, item.address->is_loopback() ? Path::Nowhere : Path::Dnat, item);
            items.push_back(std::move(item));
        }
    }
}

}  // namespace

const char* to_string(ExposureVerdict verdict) {
    switch (verdict) {
        case ExposureVerdict::Ok:
            return "ok";
        case ExposureVerdict::Exposed:
            return "exposed";
        case ExposureVerdict::Closed:
            return "closed";
        case ExposureVerdict::Unused:
            return "unused";
    }
    return "ok";
}

std::vector<Exposure> join(const JoinInput& input) {
    const Join work{input, PublishIndex(input.engines), {}};
    const auto slots = slots_of(input.listeners);
    std::vector<Exposure> items;
    items.reserve(slots.size());
    for (const auto& [slot, group] : slots) items.push_back(from_sockets(work, slot, group));
    for (const auto& publish : work.index.all()) {
        const Slot slot{publish.port->host_port, publish.port->protocol, publish.port->host_address,
                        input.host_netns};
        if (!slots.contains(slot)) items.push_back(from_publish(work, slot, publish));
    }
    add_from_nat(work, items);
    auto unused = unused_ports(input, items);
    std::move(unused.begin(), unused.end(), std::back_inserter(items));
    std::stable_sort(items.begin(), items.end(), [](const Exposure& a, const Exposure& b) {
        return std::tie(a.port, a.protocol, a.address, a.netns) <
               std::tie(b.port, b.protocol, b.address, b.netns);
    });
    return items;
}

}  // namespace portlid::inventory
