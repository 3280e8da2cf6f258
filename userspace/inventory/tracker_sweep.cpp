// SPDX-License-Identifier: Apache-2.0
// The half of ListenerTable that sweeps drive: what no record told, and what no longer is.
#include <algorithm>
#include <unordered_set>

#include "inventory/tracker.hpp"

namespace portlid::inventory {

namespace {

constexpr std::size_t kLooks = 128;  // 0.3 ms
constexpr std::size_t kFew = 1000;   // listeners: a sweep is cheap enough for every second
const std::vector<identity::Descriptor> kNobody;

}  // namespace

bool ListenerTable::apply(const SweepResult& sweep) {
    bool changed = false;
    for (const auto& swept : sweep.sockets) {
        learn_netns(swept.socket);
        const auto closed = closed_.find(swept.socket.cookie);
        if (closed != closed_.end() && closed->second >= sweep.started) continue;
        if (exposed_protocol(swept.socket.protocol) == 0 || swept.socket.port.value == 0) continue;
        changed = show(swept, sweep.started) || changed;
    }
    changed = remove_unseen(sweep) || changed;
    changed = refresh_holders() || changed;
    swept_before_ = true;
    wants_sweep_ = unswept_ = false;
    return changed;
}

bool ListenerTable::show(const SweptSocket& swept, BootTime started) {
    const auto found = entries_.find(swept.socket.cookie);
    if (found == entries_.end()) return add(swept, started);
    auto& entry = found->second;
    auto& known = entry.listener.socket;
    const bool moved = known.port != swept.socket.port || known.address != swept.socket.address ||
                       known.netns != swept.socket.netns;
    entry.listener.inode = swept.inode;
    known.port = swept.socket.port;
    known.address = swept.socket.address;
    known.netns = swept.socket.netns;
    known.v6only = swept.socket.v6only;
    entry.heard = std::max(entry.heard, started);
    if (entry.reported) return moved;
    const bool old = started.ns >= entry.listener.since.ns + options_.client_age_ns;
    entry.reported = !is_ephemeral_udp(known) || old;
    return entry.reported;
}

bool ListenerTable::add(const SweptSocket& swept, BootTime started) {
    auto* entry = place(swept.socket.cookie);
    if (entry == nullptr) return false;
    entry->listener.socket = swept.socket;
    entry->listener.inode = swept.inode;
    entry->listener.since = started;
    entry->listener.preexisting = !swept_before_;
    entry->heard = started;
    // Which of the ports that were open before are clients' nobody can tell: all count.
    entry->reported = !swept_before_ || !is_ephemeral_udp(swept.socket);
    return entry->reported;
}

// A namespace that was not read says nothing about its sockets; when all that exist were read, a
// socket elsewhere lives only as long as the process that holds it.
bool ListenerTable::remove_unseen(const SweepResult& sweep) {
    std::unordered_set<std::uint64_t> seen;
    for (const auto& swept : sweep.sockets) seen.insert(swept.socket.cookie);
    bool changed = false;
    std::erase_if(entries_, [&](const auto& item) {
        const auto& [cookie, entry] = item;
        if (seen.contains(cookie) || entry.heard >= sweep.started) return false;
        const bool read = sweep.namespaces.contains(entry.listener.socket.netns);
        if (!read && (!sweep.complete || holder_lives(entry.listener))) return false;
        changed = changed || entry.reported;
        return true;
    });
    return changed;
}

bool ListenerTable::holder_lives(const Listener& listener) const {
    if (!listener.holder) return false;
    const auto now = identify(proc_, listener.holder->process.pid);
    return now && same_process(*now, *listener.holder);
}

bool ListenerTable::refresh_holders() {
    const auto holders = proc_.socket_holders();
    HolderCache cache;
    bool changed = false;
    for (auto& [cookie, entry] : entries_) {
        if (entry.listener.inode == 0) continue;
        const auto found = holders.find(entry.listener.inode);
        const auto& these = found == holders.end() ? kNobody : found->second;
        const bool moved = refresh_holder(entry.listener, these, cache);
        for (const auto& one : these)
            if (entry.listener.holder && one.pid == entry.listener.holder->process.pid)
                entry.fd = one.fd;
        changed = changed || (moved && entry.reported);
    }
    return changed;
}

bool ListenerTable::holder_lost(const Entry& entry) const {
    const auto& listener = entry.listener;
    if (!entry.reported || listener.inode == 0 || !listener.holder) return false;
    return !proc_.holds({listener.holder->process.pid, entry.fd}, listener.inode);
}

void ListenerTable::look_at_holders() {
    wants_sweep_ = wants_sweep_ || (unswept_ && entries_.size() <= kFew);
    const auto buckets = entries_.bucket_count();
    std::size_t looks = 0;
    for (std::size_t i = 0; i < buckets && looks < kLooks && !wants_sweep_; ++i) {
        const auto bucket = ++looked_ % buckets;
        for (auto at = entries_.cbegin(bucket); at != entries_.cend(bucket); ++at, ++looks)
            wants_sweep_ = wants_sweep_ || holder_lost(at->second);
    }
}

// Keeps the holder that still has a descriptor, else takes the lowest pid. Who held it before is
// its binder from then on.
bool ListenerTable::refresh_holder(Listener& listener, const Holders& holders, HolderCache& cache) {
    const auto look_up = [&](std::uint32_t pid) {
        const auto [at, fresh] = cache.try_emplace(pid);
        if (fresh)
            if (auto found = identify(proc_, pid)) at->second = share(std::move(*found));
        return at->second;
    };
    HolderPtr now;
    const auto pid = listener.holder ? listener.holder->process.pid : 0;
    if (std::ranges::any_of(holders, [&](const auto& one) { return one.pid == pid; }))
        now = look_up(pid);
    for (auto one = holders.begin(); !now && one != holders.end(); ++one) now = look_up(one->pid);
    if (!now && listener.holder && holder_lives(listener)) return false;
    const bool same = now && listener.holder && same_process(*now, *listener.holder);
    if (same) {
        const bool replaced = now->process.exe != listener.holder->process.exe;
        listener.holder = std::move(now);
        return replaced;
    }
    if (!now && !listener.holder) return false;
    if (!listener.binder && listener.holder) listener.binder = std::move(listener.holder);
    if (now && listener.binder && same_process(*now, *listener.binder)) listener.binder.reset();
    listener.holder = std::move(now);
    return true;
}

}  // namespace portlid::inventory
