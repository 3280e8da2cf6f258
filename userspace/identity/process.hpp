// SPDX-License-Identifier: Apache-2.0
// What procfs says of a process. The root directory is an argument, so tests give recorded trees.
// All texts are untrusted bytes of somebody else; callers print them through printable().
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace portlid::identity {

struct Process {
    std::uint32_t pid = 0;
    std::uint32_t ppid = 0;
    std::uint32_t uid = 0;  // real, as the kernel records it
    std::string user;       // name for uid by the host's user database, else the number
    std::string comm;
    std::string exe;     // readlink of exe, " (deleted)" kept; empty when not readable
    std::string cgroup;  // path in the v2 hierarchy ("0::" line); the longest v1 one when v2 has
                         // none or only says "/"
    std::string unit;    // systemd unit in the cgroup path, empty when none
    std::string container_id;       // 64 hex digits by the cgroup path, empty when none
    std::uint64_t start_ticks = 0;  // field 22 of stat: with pid, one process for good
    std::uint32_t netns = 0;        // inode of ns/net; 0 when not readable
    std::vector<std::string> argv;  // at most 64 entries of 4096 bytes
    bool operator==(const Process&) const = default;
};

struct Descriptor {
    std::uint32_t pid = 0;
    std::uint32_t fd = 0;
    bool operator==(const Descriptor&) const = default;
};

class ProcRoot {
public:
    explicit ProcRoot(std::filesystem::path root = "/proc") : root_(std::move(root)) {}
    // None when the process is gone (or gone half-way through reading). All of it is read through
    // one directory descriptor, so a reused pid never mixes two processes.
    [[nodiscard]] std::optional<Process> read(std::uint32_t pid) const;
    // Ascending.
    [[nodiscard]] std::vector<std::uint32_t> pids() const;
    // Socket inode -> who holds it, by pid, ascending, each with one descriptor; one pass over all
    // fd directories.
    [[nodiscard]] std::unordered_map<std::uint64_t, std::vector<Descriptor>> socket_holders() const;
    // It is a descriptor of that socket, now. One system call.
    [[nodiscard]] bool holds(const Descriptor& descriptor, std::uint64_t inode) const;
    // Network namespace inode -> the lowest pid inside it.
    [[nodiscard]] std::unordered_map<std::uint32_t, std::uint32_t> network_namespaces() const;

private:
    std::filesystem::path root_;
};

// The container id in a cgroup path, by the outermost runtime level: /docker/<id>,
// docker-<id>.scope, libpod-<id>.scope, cri-containerd-<id>.scope, kubepods. A name that a
// container created below its own level never wins; below a user's own manager (user@N.service)
// nothing counts, since its owner may give cgroups any name.
[[nodiscard]] std::string container_id_of(std::string_view cgroup_path);
// The systemd unit in a cgroup path: the outermost *.service / *.scope / *.socket component, the
// one that systemd itself answers for the process. Names that the unit, a user's manager or a
// container created below it do not count; a container's own scope is no unit.
[[nodiscard]] std::string unit_of(std::string_view cgroup_path);

// The last component of an executable's path, without " (deleted)".
[[nodiscard]] std::string_view exe_name(std::string_view exe);
// The host's name for a uid, else its number. Remembered; safe from any thread.
[[nodiscard]] std::string user_name(std::uint32_t uid);

}  // namespace portlid::identity
