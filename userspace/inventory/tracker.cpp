// SPDX-License-Identifier: Apache-2.0
// The half of ListenerTable that kernel records drive; sweeps are in tracker_sweep.cpp.
#include "inventory/tracker.hpp"

#include <algorithm>
#include <tuple>

namespace portlid::inventory {

namespace {

constexpr std::size_t kClosedRemembered = 16384;
constexpr std::size_t kNamespacesRemembered = 65536;

using Place = std::tuple<std::uint32_t, Family, IpAddress, HostPort>;

Place place_of(const event::SocketFacts& socket) {
    return {socket.netns, socket.family, socket.address, socket.port};
}

}  // namespace

ListenerTable::ListenerTable(identity::ProcRoot proc, TableOptions options)
    : proc_(std::move(proc)), options_(options) {}

bool ListenerTable::apply(const event::SocketRecord& record) {
    learn_netns(record.socket);
    switch (record.kind) {
        case EVENT_bind:
            return on_bind(record);
        case EVENT_listen:
            return on_listen(record);
        case EVENT_close:
            return on_close(record);
        default:
            return false;
    }
}

// A bound TCP socket receives nothing yet, but who bound it may hand it on before it listens.
bool ListenerTable::on_bind(const event::SocketRecord& record) {
    switch (exposed_protocol(record.socket.protocol)) {
        case IPPROTO_UDP:
            return record.socket.port.value != 0 && record_listener(record);
        case IPPROTO_TCP:
            if (binders_.size() >= options_.max_listeners) binders_.erase(binders_.begin());
            binders_.insert_or_assign(record.socket.cookie, record.task);
            return false;
        default:
            return false;
    }
}

// LISTEN may come before the port is chosen (listen() without bind()): then a sweep tells it.
bool ListenerTable::on_listen(const event::SocketRecord& record) {
    if (exposed_protocol(record.socket.protocol) != IPPROTO_TCP) return false;
    return record_listener(record);
}

bool ListenerTable::record_listener(const event::SocketRecord& record) {
    closed_.erase(record.socket.cookie);
    auto* entry = place(record.socket.cookie);
    if (entry == nullptr) return false;
    auto& listener = entry->listener;
    const bool port_known = listener.socket.port.value != 0 && record.socket.port.value == 0;
    const auto known_port = listener.socket.port;
    listener.socket = record.socket;
    listener.socket.netns = netns_of(record);
    if (port_known) listener.socket.port = known_port;
    listener.since = record.time;
    listener.preexisting = false;
    listener.holder = share(identify(proc_, record.task));
    if (listener.binder && same_process(*listener.binder, *listener.holder))
        listener.binder.reset();
    learn_binder(listener, record.task.pid);
    entry->heard = record.time;
    const bool client = is_ephemeral_udp(record.socket) && record.socket.requested_port.value == 0;
    entry->reported = listener.socket.port.value != 0 && !client;
    wants_sweep_ = wants_sweep_ || listener.socket.port.value == 0;
    unswept_ = unswept_ || (entry->reported && listener.inode == 0);
    return entry->reported;
}

bool ListenerTable::on_close(const event::SocketRecord& record) {
    const auto cookie = record.socket.cookie;
    binders_.erase(cookie);
    const auto found = entries_.find(cookie);
    remember_closed(cookie, record.time);
    if (found == entries_.end()) return false;
    const Entry gone = std::move(found->second);
    entries_.erase(found);
    const bool inner = gone.listener.socket.mptcp && close_inner(gone);
    return gone.reported || inner;
}

// Asked once: what bind() told is not kept beside what came of it.
void ListenerTable::learn_binder(Listener& listener, std::uint32_t holder_pid) {
    const auto bound_by = binders_.find(listener.socket.cookie);
    if (bound_by == binders_.end()) return;
    if (bound_by->second.pid != holder_pid)
        listener.binder = share(identify(proc_, bound_by->second));
    binders_.erase(bound_by);
}

// An MPTCP listener has a TCP socket inside, with a cookie of its own; where the kernel half cannot
// tell it from others, they go together.
bool ListenerTable::close_inner(const Entry& outer) {
    const auto pid = [](const Listener& l) { return l.holder ? l.holder->process.pid : 0; };
    const auto inner = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
        const auto& listener = entry.second.listener;
        return !listener.socket.mptcp && listener.socket.protocol == IPPROTO_TCP &&
               place_of(listener.socket) == place_of(outer.listener.socket) &&
               pid(listener) == pid(outer.listener);
    });
    if (inner == entries_.end()) return false;
    remember_closed(inner->first, outer.heard);
    entries_.erase(inner);
    return true;
}

void ListenerTable::remember_closed(std::uint64_t cookie, BootTime when) {
    if (closed_.insert_or_assign(cookie, when).second) closed_order_.push_back(cookie);
    if (closed_order_.size() <= kClosedRemembered) return;
    closed_.erase(closed_order_.front());
    closed_order_.pop_front();
}

void ListenerTable::learn_netns(const event::SocketFacts& socket) {
    if (socket.netns == 0 || socket.netns_cookie == 0) return;
    if (netns_by_cookie_.size() >= kNamespacesRemembered) netns_by_cookie_.clear();
    netns_by_cookie_[socket.netns_cookie] = socket.netns;
}

// The kernel half may only know the namespace's cookie; the task's own namespace is the best guess
// then, and nearly always right.
std::uint32_t ListenerTable::netns_of(const event::SocketRecord& record) const {
    if (record.socket.netns != 0) return record.socket.netns;
    const auto known = netns_by_cookie_.find(record.socket.netns_cookie);
    return known != netns_by_cookie_.end() ? known->second : record.task.netns;
}

HolderPtr ListenerTable::share(Holder holder) {
    if (shared_.size() > 2 * entries_.size() + 64)
        std::erase_if(shared_, [](const auto& item) { return item.second.expired(); });
    auto& known = shared_[holder.process.pid];
    if (auto same = known.lock(); same && *same == holder) return same;
    auto fresh = std::make_shared<const Holder>(std::move(holder));
    known = fresh;
    return fresh;
}

ListenerTable::Entry* ListenerTable::place(std::uint64_t cookie) {
    const auto found = entries_.find(cookie);
    if (found != entries_.end()) return &found->second;
    if (entries_.size() >= options_.max_listeners) {
        ++overflowed_;
        return nullptr;
    }
    auto& entry = entries_[cookie];
    entry.listener.socket.cookie = cookie;
    return &entry;
}

bool ListenerTable::is_ephemeral_udp(const event::SocketFacts& socket) const {
    return exposed_protocol(socket.protocol) == IPPROTO_UDP &&
           socket.port.value >= options_.ephemeral_first &&
           socket.port.value <= options_.ephemeral_last;
}

const Listener* ListenerTable::find(std::uint64_t cookie) const {
    const auto found = entries_.find(cookie);
    if (found == entries_.end() || !found->second.reported) return nullptr;
    return &found->second.listener;
}

std::vector<Listener> ListenerTable::listeners() const {
    std::set<Place> mptcp;
    for (const auto& [cookie, entry] : entries_) {
        if (entry.listener.socket.mptcp) mptcp.insert(place_of(entry.listener.socket));
    }
    std::vector<Listener> all;
    for (const auto& [cookie, entry] : entries_) {
        const auto& socket = entry.listener.socket;
        const bool inner =
            !socket.mptcp && socket.protocol == IPPROTO_TCP && mptcp.contains(place_of(socket));
        if (entry.reported && !inner) all.push_back(entry.listener);
    }
    std::sort(all.begin(), all.end(), [](const Listener& a, const Listener& b) {
        return a.socket.cookie < b.socket.cookie;
    });
    return all;
}

}  // namespace portlid::inventory
