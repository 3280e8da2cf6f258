// SPDX-License-Identifier: Apache-2.0
#include "bench/sockets.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/unique_fd.hpp"

namespace portlid::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kFirstPort = 20000;
constexpr unsigned kWarmUp = 100;
constexpr unsigned kBurstCycles = 300;            // cycles; 900 records, a quarter of the ring
constexpr std::chrono::milliseconds kPause{150};  // the daemon looks at its rings every 100 ms

// The daemon as it ships: sockets only, no engine; ended with the object.
class Daemon {
public:
    [[nodiscard]] static Result<std::unique_ptr<Daemon>> start(const Machine& machine) {
        const auto directory = machine.directory() / "daemon";
        std::filesystem::create_directories(directory);
        const auto policy = directory / "policy.yaml";
        std::ofstream(policy) << "version: 1\nzones: { public: { interfaces: [uplink] } }\n";
        const auto command = fmt::format(
            "exec '{0}' run --policy {1}/policy.yaml --mode monitor --interface none --docker none "
            "--cgroup {2} --bpffs {3}/daemon --state-dir {1}/state --runtime-dir {1} "
            "--events file:{1}/events --on-exit detach >{1}/log 2>&1 </dev/null",
            PORTLID_BINARY, directory.string(), machine.cgroup().string(),
            machine.bpffs().string());
        std::unique_ptr<Daemon> daemon(new Daemon());
        daemon->pid_ = ::fork();
        if (daemon->pid_ == 0) become(command);
        const auto ready = fmt::format(
            "'{}' --socket {}/portlid.sock status -o json | tr -d ' ' | grep -q '\"ready\":true'",
            PORTLID_BINARY, directory.string());
        for (const auto end = std::chrono::steady_clock::now() + 20s; !shell(ready);)
            if (std::chrono::steady_clock::now() > end)
                return fail("the daemon does not become ready: " +
                            output_of("cat " + directory.string() + "/log"));
        return daemon;
    }
    ~Daemon() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

private:
    Daemon() = default;
    [[noreturn]] static void become(const std::string& command) {
        cpu_set_t every;
        CPU_ZERO(&every);
        for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu)
            CPU_SET(cpu, &every);
        (void)::sched_setaffinity(0, sizeof(every), &every);
        ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
        ::_exit(127);
    }
    pid_t pid_ = -1;
};

bool one_cycle(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
           ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
               0 &&
           ::listen(socket.get(), 16) == 0;
}

// us of this thread's CPU time a cycle.
Result<double> timed(unsigned cycles) {
    const double start = thread_cpu_ns();
    for (unsigned i = 0; i < cycles; ++i)
        if (!one_cycle(static_cast<std::uint16_t>(kFirstPort + i % 8)))
            return fail_errno("cannot open a listening socket", errno);
    return (thread_cpu_ns() - start) / cycles / 1000;
}

// One sample after the other, each after a pause and a warm-up.
Result<> take(unsigned count, std::chrono::milliseconds pause, unsigned cycles,
              std::vector<double>& samples) {
    for (unsigned i = 0; i < count; ++i) {
        std::this_thread::sleep_for(pause);
        if (auto warm = timed(kWarmUp); !warm) return pass_on(warm.error());
        const auto one = timed(cycles);
        if (!one) return pass_on(one.error());
        samples.push_back(*one);
    }
    return {};
}

struct Samples {
    std::vector<double> bursts;
    std::vector<double> flood;
};

// Bursts leave the daemon time to read what the one before has made. In a flood it reads beside:
// where two CPUs are one core's threads, that alone makes every system call slower.
Result<> take_both(const SocketOptions& options, Samples& samples) {
    if (auto done = take(options.bursts, kPause, kBurstCycles, samples.bursts); !done) return done;
    return take(1, 0ms, options.cycles, samples.flood);
}

void move_to(const std::filesystem::path& cgroup) {
    std::ofstream(cgroup / "cgroup.procs") << ::getpid() << std::flush;
}

Result<> take_round(const Machine& machine, const SocketOptions& options, Samples& without,
                    Samples& with) {
    if (auto done = take_both(options, without); !done) return done;
    auto daemon = Daemon::start(machine);
    if (!daemon) return pass_on(std::move(daemon.error()));
    return take_both(options, with);
}

}  // namespace

Result<> measure_sockets(const Machine& machine, const SocketOptions& options, Results& results) {
    Samples without;
    Samples with;
    move_to(machine.cgroup());
    Result<> done;
    for (unsigned round = 0; round < options.rounds && done; ++round)
        done = take_round(machine, options, without, with);
    move_to(machine.cgroup().parent_path());
    if (!done) return done;
    auto& rows = results.section("Sockets, us of CPU a socket-bind-listen-close cycle").rows;
    rows.push_back({"cycle_without", "bursts, without a sensor", "us", spread_of(without.bursts)});
    rows.push_back({"cycle_with", "bursts, all hooks", "us", spread_of(with.bursts)});
    rows.push_back({"flood_without", "flood, without a sensor", "us", spread_of(without.flood)});
    rows.push_back({"flood_with", "flood, the daemon beside it", "us", spread_of(with.flood)});
    return {};
}

}  // namespace portlid::bench
