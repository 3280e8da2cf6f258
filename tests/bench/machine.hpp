// SPDX-License-Identifier: Apache-2.0
// A throw-away machine for one benchmark run: its own network and mount namespace and a private
// bpffs, so that nothing of the host is touched. One thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace portlid::bench {

// Enters fresh namespaces (root needed) and stays on one CPU. Files made for the run go to
// directory(), which is removed with the object; mounts die with the process.
class Machine {
public:
    [[nodiscard]] static Result<Machine> enter();
    Machine(Machine&& other) noexcept;
    Machine& operator=(Machine&&) = delete;
    ~Machine();
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::filesystem::path bpffs() const { return directory_ / "bpf"; }
    // A cgroup of the unified hierarchy, made for this run.
    [[nodiscard]] const std::filesystem::path& cgroup() const { return cgroup_; }

private:
    Machine(std::filesystem::path directory, std::filesystem::path cgroup)
        : directory_(std::move(directory)), cgroup_(std::move(cgroup)) {}
    std::filesystem::path directory_;
    std::filesystem::path cgroup_;
};

// Runs a shell command; its output is thrown away. True on success.
[[nodiscard]] bool shell(const std::string& command);
// What the command writes to stdout.
[[nodiscard]] std::string output_of(const std::string& command);
// The calling thread runs on this CPU only.
void pin_to_cpu(unsigned cpu);
// CPU time of the calling thread, in nanoseconds.
[[nodiscard]] double thread_cpu_ns();

}  // namespace portlid::bench
