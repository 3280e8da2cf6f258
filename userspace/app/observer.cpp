// SPDX-License-Identifier: Apache-2.0
#include "app/observer.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "inventory/exposure_diff.hpp"
#include "kernel/sock_diag.hpp"

namespace portlid::app {

namespace {

std::uint32_t own_netns() {
    struct stat info {};
    return ::stat("/proc/self/ns/net", &info) == 0 ? static_cast<std::uint32_t>(info.st_ino) : 0;
}

inventory::SweptSocket swept(const kernel::NamespaceSockets& space,
                             const kernel::DiagSocket& socket) {
    inventory::SweptSocket out;
    out.inode = socket.inode;
    out.socket.cookie = socket.cookie;
    out.socket.netns_cookie = space.netns_cookie;
    out.socket.netns = space.netns;
    out.socket.protocol = socket.protocol;
    out.socket.family = socket.family;
    out.socket.address = socket.local;
    out.socket.port = socket.local_port;
    out.socket.v6only = socket.v6only;
    out.socket.backlog = socket.backlog;
    return out;
}

// A port of one address, of the wildcard, or of the other family's dual-stack wildcard.
bool covers(const inventory::Exposure& exposure, const IpAddress& destination) {
    if (!exposure.address) return false;
    return *exposure.address == destination ||
           (exposure.address->is_any() && exposure.address->family() == destination.family());
}

}  // namespace

Observer::Observer(const PolicyStore& policies, const Coverage& coverage, Emitter& emitter)
    : policies_(policies),
      coverage_(coverage),
      emitter_(emitter),
      announcer_(emitter),
      host_netns_(own_netns()) {}

std::optional<event::ContainerView> Observer::container(const std::string& id) const {
    if (id.empty()) return std::nullopt;
    for (const auto& engine : engines_)
        if (const auto* known = engine->find(id))
            return event::ContainerView{known->id, known->name, known->image,
                                        known->compose_project, known->compose_service};
    return event::ContainerView{id, {}, {}, {}, {}};
}

event::SocketView Observer::view_of(const event::SocketRecord& record) {
    event::SocketView view;
    const auto* known = table_.find(record.socket.cookie);
    auto process = proc_.read(record.task.pid);
    if (process && process->ppid == 0) process.reset();
    if (!process && known != nullptr && known->holder &&
        known->holder->process.pid == record.task.pid)
        process = known->holder->process;
    if (process) {
        view.process = {process->exe, process->user};
        view.cgroup = process->cgroup;
        view.container = container(process->container_id);
    } else {
        view.process.user = identity::user_name(record.task.uid);
        view.container = container(identity::container_id_of("/docker/" + record.task.cgroup_name));
    }
    view.netns = known != nullptr ? known->socket.netns : record.socket.netns;
    if (record.kind == EVENT_close) return view;
    const auto& known_exposures = exposures();
    const auto found = std::find_if(
        known_exposures.begin(), known_exposures.end(), [&](const inventory::Exposure& exposure) {
            return exposure.netns == view.netns && exposure.port == record.socket.port &&
                   exposure.address == record.socket.address &&
                   exposure.protocol == inventory::exposed_protocol(record.socket.protocol);
        });
    if (found == known_exposures.end()) return view;
    view.scope = view.netns == host_netns_ ? inventory::scope_of(*found) : event::Scope::Container;
    if (const auto published = inventory::event_view(*found).published)
        view.published.push_back(*published);
    return view;
}

void Observer::record(const event::SocketRecord& record) {
    const auto before = table_.find(record.socket.cookie) != nullptr;
    event::SocketView view;
    if (record.kind == EVENT_close) view = view_of(record);
    heard_ = true;
    stale_ |= table_.apply(record);
    if (record.kind == EVENT_close && !before) return;  // a bind that never became a listener
    if (record.kind != EVENT_close) view = view_of(record);
    auto event = event::make_event(event::kind_of(record), event::severity_of(record, view));
    event.time = to_wall(record.time);
    event.body = event::socket_body(emitter_.origin(), record, view);
    emitter_.emit(std::move(event));
}

void Observer::sweep() {
    seconds_since_sweep_ = 0;
    heard_ = false;
    inventory::SweepResult result;
    result.started = boot_now();
    std::vector<std::pair<std::uint32_t, std::uint32_t>> spaces;
    for (const auto& [netns, pid] : proc_.network_namespaces()) spaces.emplace_back(netns, pid);
    const auto swept_spaces = kernel::sweep_listeners(spaces);
    if (!swept_spaces) return;  // the deltas stay; the next sweep tries again
    result.complete = swept_spaces->skipped == 0;
    for (const auto& space : swept_spaces->namespaces) {
        result.namespaces.insert(space.netns);
        for (const auto& socket : space.sockets) result.sockets.push_back(swept(space, socket));
    }
    stale_ |= table_.apply(result);
}

bool Observer::wants_sweep() {
    constexpr unsigned kSeconds = 5, kQuietSeconds = 15;
    table_.look_at_holders();
    const bool quiet = !heard_ && coverage_.hears_all();
    return ++seconds_since_sweep_ >= (quiet ? kQuietSeconds : kSeconds) || table_.wants_sweep();
}

void Observer::announce_containers(const EngineSnapshots& fresh) {
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        const bool same = i < engines_.size() && engines_[i]->version == fresh[i]->version &&
                          engines_[i]->reachable == fresh[i]->reachable;
        if (same || (fresh[i]->version == 0 && fresh[i]->problem.empty())) continue;
        emitter_.emit(event::Kind::ContainerSynced,
                      event::container_synced_body(emitter_.origin(), fresh[i]->endpoint,
                                                   fresh[i]->containers.size(), fresh[i]->problem));
    }
}

void Observer::set_engines(EngineSnapshots engines) {
    announce_containers(engines);
    engines_ = std::move(engines);
    stale_ = true;
}

void Observer::set_nat(std::shared_ptr<const nat::Rules> rules) {
    nat_ = std::move(rules);
    stale_ = true;
}

// Rules for addresses that are not this host's (a cluster's service addresses) publish nothing
// here.
std::shared_ptr<const nat::Rules> Observer::own_nat() const {
    if (!nat_ || nat_->dnat.empty()) return nat_;
    const auto& own = coverage_.network().own;
    auto rules = std::make_shared<nat::Rules>(*nat_);
    std::erase_if(rules->dnat, [&](const nat::DnatRule& rule) {
        return !rule.host_address.is_any() && !own.contains(rule.host_address);
    });
    return rules;
}

void Observer::join() {
    inventory::JoinInput input;
    input.listeners = table_.listeners();
    input.engines = engines_;
    input.nat = own_nat();
    input.policy = &policies_.model();
    input.compiled = &policies_.compiled();
    input.zones = coverage_.active_zones();
    input.ufw = inventory::Ufw::read();
    input.host_netns = host_netns_;
    input.monitor_only = policies_.capped();
    input.held = coverage_.held();
    exposures_ = std::make_shared<const std::vector<inventory::Exposure>>(inventory::join(input));
    joined_at_ = boot_now();
    stale_ = false;
    ++joins_;
}

const std::vector<inventory::Exposure>& Observer::exposures(bool fresh) {
    constexpr std::uint64_t kNsPerItem = 20'000;
    const bool due = boot_now().ns - joined_at_.ns >= exposures_->size() * kNsPerItem;
    if (stale_ && (fresh || due)) join();
    return *exposures_;
}

bool Observer::settle() {
    (void)exposures();
    const bool changed = joins_ != settled_;
    settled_ = joins_;
    if (announced_ != exposures_) {
        announcer_.announce(inventory::diff(*announced_, *exposures_), boot_now());
        announced_ = exposures_;
    }
    announcer_.settle(boot_now());
    return changed;
}

std::string Observer::inner_endpoint(const inventory::Exposure& exposure) const {
    if (!exposure.published || !exposure.holder || !exposure.holder->container) return {};
    for (const auto& engine : engines_) {
        const auto* who = engine->find(exposure.holder->container->id);
        if (who == nullptr) continue;
        for (const auto& port : who->published)
            if (port.host_port == exposure.port && port.protocol == exposure.protocol &&
                port.container_port == exposure.published->container_port)
                return endpoint(port.container_address, port.container_port);
    }
    return {};
}

const inventory::Exposure* Observer::holder_of(const std::vector<inventory::Exposure>& among,
                                               std::uint8_t protocol, const IpAddress& destination,
                                               HostPort port) {
    const inventory::Exposure* best = nullptr;
    for (const auto& exposure : among) {
        if (!exposure.host_netns || exposure.protocol != protocol || exposure.port != port ||
            !exposure.holder || !covers(exposure, destination))
            continue;
        if (best == nullptr || best->address->is_any()) best = &exposure;
    }
    return best;
}

std::optional<event::TargetView> Observer::target(std::uint8_t protocol,
                                                  const IpAddress& destination, HostPort port) {
    const auto* best = holder_of(exposures(), protocol, destination, port);
    // Socket records are read first: one that has just closed was still there for the packet.
    if (best == nullptr) best = holder_of(*announced_, protocol, destination, port);
    if (best == nullptr) return std::nullopt;
    event::TargetView view;
    view.pid = best->holder->pid;
    view.exe = best->holder->exe;
    view.inner = inner_endpoint(*best);
    if (const auto& who = best->holder->container)
        view.container = event::ContainerView{who->id, who->name, who->image, who->compose_project,
                                              who->compose_service};
    return view;
}

}  // namespace portlid::app
