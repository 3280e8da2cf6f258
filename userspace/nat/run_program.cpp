// SPDX-License-Identifier: Apache-2.0
#include "nat/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/unique_fd.hpp"

namespace portlid::nat {

namespace {

using Clock = std::chrono::steady_clock;

// posix_spawn shares our memory until exec: no copy of the sensor, however big it is.
Result<pid_t> start(const std::vector<std::string>& argv, int out) {
    std::vector<char*> arguments;
    for (const auto& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t child = -1;
    const int failed = ::posix_spawn(&child, argv.front().c_str(), &actions, &attributes,
                                     arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return fail_errno("cannot run " + argv.front(), failed);
    return child;
}

Result<std::string> read_all(int fd, Clock::time_point deadline, std::size_t limit_bytes,
                             const std::string& name) {
    std::string text;
    std::array<char, 16384> buffer;
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waiting{fd, POLLIN, 0};
        if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0)
            return fail(name + " did not answer in time");
        const auto length = ::read(fd, buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return fail_errno("cannot read from " + name, errno);
        if (length == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(length));
        if (text.size() > limit_bytes) return fail(name + " says more than is read of it");
    }
}

}  // namespace

Result<std::string> run_program(const std::vector<std::string>& argv,
                                std::chrono::milliseconds at_most, std::size_t limit_bytes) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe", errno);
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const auto child = start(argv, writer.get());
    if (!child) return pass_on(child.error());
    writer.reset();
    auto text = read_all(reader.get(), Clock::now() + at_most, limit_bytes, argv.front());
    if (!text) ::kill(*child, SIGKILL);
    int status = 0;
    while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) continue;
    if (!text) return text;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(argv.front() + " failed with status " + std::to_string(WEXITSTATUS(status)));
    return text;
}

}  // namespace portlid::nat
