// SPDX-License-Identifier: Apache-2.0
#include "bench/wire_link.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "bench/machine.hpp"

namespace portlid::bench {

namespace {

std::uint64_t first_number(const std::string& path) {
    std::uint64_t value = 0;
    std::ifstream(path) >> value;
    return value;
}

// InSegs of /proc/net/snmp: the names are on one line, the values on the next.
std::uint64_t tcp_segments() {
    std::ifstream file("/proc/thread-self/net/snmp");
    std::string line;
    while (std::getline(file, line)) {
        if (!line.starts_with("Tcp: R")) continue;
        std::string values;
        std::getline(file, values);
        std::istringstream names_in(line);
        std::istringstream values_in(values);
        std::string name;
        std::string value;
        while (names_in >> name && values_in >> value)
            if (name == "InSegs") return std::stoull(value);
    }
    return 0;
}

}  // namespace

NetNamespace NetNamespace::current() {
    return NetNamespace(UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)));
}

Result<NetNamespace> NetNamespace::create() {
    if (::unshare(CLONE_NEWNET) != 0) return fail_errno("cannot make a network namespace", errno);
    if (!shell("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && ip link set lo up"))
        return fail("cannot set up a network namespace");
    return current();
}

void NetNamespace::enter() const {
    (void)::setns(fd_.get(), CLONE_NEWNET);
}

std::string make_pair_command(unsigned number) {
    return fmt::format(
        "ip link add up{0} address 02:00:00:00:00:01 type veth peer name far{0} && "
        "ip link set up{0} up && ip link set far{0} up",
        number);
}

Result<WireLink> WireLink::open(unsigned number, bool existing, const std::string& directory) {
    WireLink link;
    link.name_ = fmt::format("up{}", number);
    link.sysfs_ = fmt::format("{}/sys{}", directory, number);
    // Polled on arrival also without an XDP program (gro), by a thread (threaded).
    const auto set_up = fmt::format(
        "ip address add 192.0.2.1/24 dev {0}; "
        "ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev {0} && "
        "ip route replace default via 192.0.2.2 dev {0} && "
        "sysctl -qw net.ipv4.conf.{0}.rp_filter=0 net.ipv4.conf.all.rp_filter=0 && "
        "ethtool -K {0} gro on && mkdir -p {1} && mount -t sysfs sysfs {1} && "
        "echo 1 >{1}/class/net/{0}/threaded",
        link.name_, link.sysfs_);
    if (!existing && !shell(make_pair_command(number))) return fail("cannot make a veth pair");
    if (!shell(set_up)) return fail("cannot set up " + link.name_, "apt-get install ethtool");
    link.far_index_ = ::if_nametoindex(fmt::format("far{}", number).c_str());
    if (auto found = link.find_thread(); !found) return pass_on(std::move(found.error()));
    return link;
}

Result<> WireLink::find_thread() {
    const auto prefix = "napi/" + name_ + "-";
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::string comm;
        std::getline(std::ifstream(entry.path() / "comm"), comm);
        if (!comm.starts_with(prefix)) continue;
        const auto text = entry.path().filename().string();
        std::from_chars(text.data(), text.data() + text.size(), thread_);
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        (void)::sched_setaffinity(thread_, sizeof(first), &first);
        return {};
    }
    return fail("no kernel thread serves " + name_);
}

LinkCounts WireLink::counts() const {
    return {first_number(sysfs_ + "/class/net/" + name_ + "/statistics/rx_packets"),
            first_number(fmt::format("/proc/{}/schedstat", thread_)), tcp_segments()};
}

LinkCounts WireLink::settled() const {
    using namespace std::chrono_literals;
    auto before = counts();
    while (true) {
        std::this_thread::sleep_for(2ms);
        const auto now = counts();
        if (now.received == before.received && now.cpu_ns == before.cpu_ns) return now;
        before = now;
    }
}

}  // namespace portlid::bench
