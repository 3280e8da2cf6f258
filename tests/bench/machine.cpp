// SPDX-License-Identifier: Apache-2.0
#include "bench/machine.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <utility>

namespace portlid::bench {

namespace {

std::filesystem::path unified_mount() {
    const std::filesystem::path hybrid = "/sys/fs/cgroup/unified";
    return std::filesystem::exists(hybrid) ? hybrid : std::filesystem::path("/sys/fs/cgroup");
}

}  // namespace

bool shell(const std::string& command) {
    return std::system(("{ " + command + "; } >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
    std::string out;
    auto* pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) return out;
    std::array<char, 4096> part{};
    while (const auto size = std::fread(part.data(), 1, part.size(), pipe))
        out.append(part.data(), size);
    ::pclose(pipe);
    return out;
}

void pin_to_cpu(unsigned cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)::sched_setaffinity(0, sizeof(set), &set);
}

Result<Machine> Machine::enter() {
    if (::geteuid() != 0)
        return fail("the benchmark loads BPF programs", "sudo scripts/bench",
                    ExitCode::NoPermission);
    char name[] = "/tmp/portlid-bench-XXXXXX";
    if (::mkdtemp(name) == nullptr) return fail_errno("cannot make a directory", errno);
    const auto cgroup = unified_mount() / ("portlid-bench-" + std::to_string(::getpid()));
    std::error_code ignored;
    std::filesystem::create_directory(cgroup, ignored);
    Machine machine{name, cgroup};
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        return fail_errno("cannot make namespaces", errno, "run as root");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return fail_errno("cannot make mounts private", errno);
    std::filesystem::create_directory(machine.bpffs());
    if (::mount("bpf", machine.bpffs().c_str(), "bpf", 0, nullptr) != 0)
        return fail_errno("cannot mount a bpffs", errno);
    // No neighbour discovery of the namespace's own among the packets that are counted.
    if (!shell("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && ip link set lo up"))
        return fail("cannot set up the namespace", "apt-get install iproute2");
    return machine;
}

Machine::Machine(Machine&& other) noexcept
    : directory_(std::exchange(other.directory_, {})), cgroup_(std::exchange(other.cgroup_, {})) {}

Machine::~Machine() {
    if (directory_.empty()) return;
    ::umount2(bpffs().c_str(), MNT_DETACH);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    ::rmdir(cgroup_.c_str());
}

double thread_cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

}  // namespace portlid::bench
