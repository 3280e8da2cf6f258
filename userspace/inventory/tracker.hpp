// SPDX-License-Identifier: Apache-2.0
// Which sockets can receive, kept from kernel records (deltas) and sweeps (the truth now and then).
// One thread owns a table. Invariants:
//  1. TCP and MPTCP count from LISTEN with a port; UDP and UDP-Lite from bind with a port.
//  2. A socket is its cookie; it leaves by a close record or by a sweep that began after it was
//     last heard of and does not show it.
//  3. A closed cookie comes back only by listening again, not by a sweep that began before it
//     closed and still shows it.
//  4. At most `max_listeners` are kept; what does not fit is counted, and found by the next sweep
//     that has room.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>
#include <vector>

#include "inventory/attribution.hpp"
#include "inventory/listener.hpp"

namespace portlid::inventory {

struct SweptSocket {
    event::SocketFacts socket;  // netns filled in; TCP in LISTEN or UDP bound and unconnected
    std::uint64_t inode = 0;
};

struct SweepResult {
    BootTime started;                    // before the first namespace was read
    std::set<std::uint32_t> namespaces;  // inodes of those that were read
    bool complete = true;                // false: namespaces were skipped for want of privilege
    std::vector<SweptSocket> sockets;
};

struct TableOptions {
    std::size_t max_listeners = 65536;
    // UDP sockets without a bind() get ports of this range when they first send: clients, not
    // services. One that only a later sweep sees counts once it is this old.
    std::uint16_t ephemeral_first = 32768;
    std::uint16_t ephemeral_last = 60999;
    std::uint64_t client_age_ns = 30'000'000'000;
};

class ListenerTable {
public:
    explicit ListenerTable(identity::ProcRoot proc = identity::ProcRoot(),
                           TableOptions options = {});

    // Applies one record; reads procfs for the task of a bind or listen at once. True when the
    // listeners changed.
    bool apply(const event::SocketRecord& record);
    // Reconciles with a sweep, and reads who holds each socket now. True when something changed.
    bool apply(const SweepResult& sweep);

    // By cookie; null when it is no listener. Valid until the next apply().
    [[nodiscard]] const Listener* find(std::uint64_t cookie) const;
    // All of them, ordered by cookie; an MPTCP listener's inner TCP socket is left out.
    [[nodiscard]] std::vector<Listener> listeners() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    // No record tells that a holder gave its descriptor away and closed it. Looks whether they
    // still have theirs, some at a call (all of them where they are few), in turn; to be called
    // each second.
    void look_at_holders();
    // Only a sweep can tell a port (listen() without bind()), or who holds a socket now.
    [[nodiscard]] bool wants_sweep() const { return wants_sweep_; }
    // How often a listener found no room.
    [[nodiscard]] std::uint64_t overflowed() const { return overflowed_; }

private:
    struct Entry {
        Listener listener;
        BootTime heard;        // the last record or sweep that showed it
        std::uint32_t fd = 0;  // the holder's descriptor, once a sweep told the inode
        bool reported = true;  // false: a UDP client's port, or a port not known yet
    };
    using HolderCache = std::unordered_map<std::uint32_t, HolderPtr>;
    using Holders = std::vector<identity::Descriptor>;

    bool on_bind(const event::SocketRecord& record);
    bool on_listen(const event::SocketRecord& record);
    bool on_close(const event::SocketRecord& record);
    bool record_listener(const event::SocketRecord& record);
    void learn_binder(Listener& listener, std::uint32_t holder_pid);
    bool close_inner(const Entry& outer);
    void remember_closed(std::uint64_t cookie, BootTime when);
    void learn_netns(const event::SocketFacts& socket);
    [[nodiscard]] std::uint32_t netns_of(const event::SocketRecord& record) const;

    bool show(const SweptSocket& swept, BootTime started);
    bool add(const SweptSocket& swept, BootTime started);
    bool remove_unseen(const SweepResult& sweep);
    bool refresh_holders();
    bool refresh_holder(Listener& listener, const Holders& holders, HolderCache& cache);
    [[nodiscard]] bool holder_lost(const Entry& entry) const;
    // The same object for equal holders, so that each is kept once.
    [[nodiscard]] HolderPtr share(Holder holder);
    [[nodiscard]] Entry* place(std::uint64_t cookie);
    [[nodiscard]] bool is_ephemeral_udp(const event::SocketFacts& socket) const;
    [[nodiscard]] bool holder_lives(const Listener& listener) const;

    identity::ProcRoot proc_;
    TableOptions options_;
    std::unordered_map<std::uint64_t, Entry> entries_;             // by socket cookie
    std::unordered_map<std::uint64_t, event::TaskFacts> binders_;  // TCP, until LISTEN: who bound
    std::unordered_map<std::uint32_t, std::weak_ptr<const Holder>> shared_;  // by pid
    std::unordered_map<std::uint64_t, std::uint32_t> netns_by_cookie_;
    std::unordered_map<std::uint64_t, BootTime> closed_;
    std::deque<std::uint64_t> closed_order_;
    bool swept_before_ = false;
    bool wants_sweep_ = false;
    bool unswept_ = false;    // a listener whose inode nobody knows yet
    std::size_t looked_ = 0;  // bucket of `entries_`
    std::uint64_t overflowed_ = 0;
};

}  // namespace portlid::inventory
