// SPDX-License-Identifier: Apache-2.0
// The walk over network namespaces. It happens on a thread that ends with it, so no other code
// ever finds itself in a foreign namespace, whatever fails half-way.
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <future>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"
#include "kernel/sock_diag.hpp"

namespace portlid::kernel {
namespace {

#ifndef SO_NETNS_COOKIE
constexpr int kSoNetnsCookie = 71;  // Linux 5.14
#else
constexpr int kSoNetnsCookie = SO_NETNS_COOKIE;
#endif

struct Target {
    std::uint32_t netns = 0;
    std::uint32_t pid = 0;
};

std::uint32_t inode_of(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

UniqueFd open_namespace(const std::string& task) {
    return UniqueFd(::open(("/proc/" + task + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

std::uint64_t netns_cookie() {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);
    if (!socket.valid() ||
        ::getsockopt(socket.get(), SOL_SOCKET, kSoNetnsCookie, &cookie, &length) != 0)
        return 0;
    return cookie;
}

Result<NamespaceSockets> list_here(std::uint32_t netns) {
    auto sockets = dump_sockets(DiagWhat::Listening);
    if (!sockets) return pass_on(std::move(sockets.error()));
    return NamespaceSockets{
        .netns = netns, .netns_cookie = netns_cookie(), .sockets = std::move(*sockets)};
}

enum class Entry : std::uint8_t { Entered, Vanished, Refused };

// The process may be gone, or its pid be somebody else's by now: then the namespace counts as
// vanished. It is entered only when its inode is the one that was asked for.
Entry enter(const Target& target) {
    const UniqueFd handle = open_namespace(std::to_string(target.pid));
    if (!handle.valid())
        return errno == EACCES || errno == EPERM ? Entry::Refused : Entry::Vanished;
    if (inode_of(handle.get()) != target.netns) return Entry::Vanished;
    if (::setns(handle.get(), CLONE_NEWNET) == 0) return Entry::Entered;
    return errno == EPERM ? Entry::Refused : Entry::Vanished;
}

Result<Sweep> walk(const std::vector<Target>& targets) {
    const UniqueFd own = open_namespace("thread-self");
    if (!own.valid())
        return fail_errno("open /proc/thread-self/ns/net", errno, "mount -t proc proc /proc");
    const std::uint32_t own_netns = inode_of(own.get());
    auto here = list_here(own_netns);
    if (!here) return pass_on(std::move(here.error()));
    Sweep sweep;
    sweep.namespaces.push_back(std::move(*here));
    for (const auto& target : targets) {
        if (target.netns == own_netns) continue;
        const Entry entry = enter(target);
        if (entry == Entry::Refused) ++sweep.skipped;
        if (entry != Entry::Entered) continue;
        // One namespace that cannot be listed must not hide the others.
        if (auto there = list_here(target.netns))
            sweep.namespaces.push_back(std::move(*there));
        else
            ++sweep.skipped;
    }
    return sweep;
}

}  // namespace

Result<Sweep> sweep_listeners(
    const std::vector<std::pair<std::uint32_t, std::uint32_t>>& pid_by_netns) {
    std::vector<Target> targets;
    targets.reserve(pid_by_netns.size());
    for (const auto& [netns, pid] : pid_by_netns) targets.push_back({netns, pid});
    std::packaged_task<Result<Sweep>()> task([&] { return walk(targets); });
    auto result = task.get_future();
    std::thread worker(std::move(task));
    worker.join();
    return result.get();
}

}  // namespace portlid::kernel
