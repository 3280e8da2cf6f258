// SPDX-License-Identifier: Apache-2.0
// One veth pair whose receiving end is served by a kernel thread of its own, so that what the
// kernel spends on each packet can be read off that thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::bench {

// A network namespace to enter and leave; the calling thread moves.
class NetNamespace {
public:
    [[nodiscard]] static NetNamespace current();
    // A fresh one; the thread is inside afterwards.
    [[nodiscard]] static Result<NetNamespace> create();
    void enter() const;

private:
    explicit NetNamespace(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

struct LinkCounts {
    std::uint64_t received = 0;   // packets that the receiving end has handled
    std::uint64_t cpu_ns = 0;     // of the thread that handled them
    std::uint64_t delivered = 0;  // TCP segments that reached the namespace's sockets
};

// up<number> (receives, has 192.0.2.1/24) and far<number>, in the namespace of the caller.
class WireLink {
public:
    // `existing`: the pair is there already (Portlid::start made it). `sysfs` is a sysfs mounted in
    // this namespace.
    [[nodiscard]] static Result<WireLink> open(unsigned number, bool existing,
                                               const std::string& directory);
    [[nodiscard]] LinkCounts counts() const;
    // The same once nothing is on its way any more.
    [[nodiscard]] LinkCounts settled() const;
    [[nodiscard]] std::uint32_t far_index() const { return far_index_; }

private:
    [[nodiscard]] Result<> find_thread();

    std::string name_;
    std::string sysfs_;
    pid_t thread_ = 0;
    std::uint32_t far_index_ = 0;
};

// Commands that make up<number> and far<number>; the receiving end has the MAC of the test frames.
[[nodiscard]] std::string make_pair_command(unsigned number);

}  // namespace portlid::bench
