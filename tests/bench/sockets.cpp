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
constexpr unsigned kWarmUp = 300;

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
Result<double> sample(unsigned cycles) {
    const double start = thread_cpu_ns();
    for (unsigned i = 0; i < cycles; ++i)
        if (!one_cycle(static_cast<std::uint16_t>(kFirstPort + i % 8)))
            return fail_errno("cannot open a listening socket", errno);
    return (thread_cpu_ns() - start) / cycles / 1000;
}

void move_to(const std::filesystem::path& cgroup) {
    std::ofstream(cgroup / "cgroup.procs") << ::getpid() << std::flush;
}

Result<> take_round(const Machine& machine, unsigned cycles, std::vector<double>& without,
                    std::vector<double>& with) {
    const auto take = [cycles](std::vector<double>& samples) -> Result<> {
        (void)sample(kWarmUp);
        const auto one = sample(cycles);
        if (!one) return pass_on(one.error());
        samples.push_back(*one);
        return {};
    };
    if (auto done = take(without); !done) return done;
    auto daemon = Daemon::start(machine);
    if (!daemon) return pass_on(std::move(daemon.error()));
    return take(with);
}

}  // namespace

Result<> measure_sockets(const Machine& machine, const SocketOptions& options, Results& results) {
    std::vector<double> without;
    std::vector<double> with;
    move_to(machine.cgroup());
    Result<> done;
    for (unsigned round = 0; round < options.rounds && done; ++round)
        done = take_round(machine, options.cycles, without, with);
    move_to(machine.cgroup().parent_path());
    if (!done) return done;
    auto& section = results.section("Sockets, us of CPU a socket-bind-listen-close cycle");
    section.rows.push_back({"cycle_without", "without a sensor", "us", spread_of(without), ""});
    section.rows.push_back({"cycle_with", "with the daemon, all hooks", "us", spread_of(with), ""});
    return {};
}

}  // namespace portlid::bench
