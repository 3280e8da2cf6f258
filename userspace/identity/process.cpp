// SPDX-License-Identifier: Apache-2.0
#include "identity/process.hpp"

#include <fmt/compile.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "identity/number.hpp"
#include "identity/proc_dir.hpp"

namespace portlid::identity {

namespace {

constexpr std::size_t kStatBytes = 4096;
constexpr std::size_t kStatusBytes = 65536;
constexpr std::size_t kCgroupBytes = 262144;
constexpr std::size_t kArguments = 64;
constexpr std::size_t kArgumentBytes = 4096;
constexpr std::size_t kStartTimeField = 22;

// comm is whatever the process likes, parentheses and line breaks too: it ends at the last ')'.
bool parse_stat(std::string_view stat, Process& process) {
    const auto open = stat.find('(');
    const auto close = stat.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return false;
    process.comm = stat.substr(open + 1, close - open - 1);
    const auto fields = split(stat.substr(std::min(close + 2, stat.size())), ' ');
    constexpr std::size_t kFirst = 3;  // the field after comm
    if (fields.size() <= kStartTimeField - kFirst) return false;
    const auto parent = whole_number<std::uint32_t>(fields[4 - kFirst]);
    const auto start = whole_number<std::uint64_t>(fields[kStartTimeField - kFirst]);
    if (!parent || !start) return false;
    process.ppid = *parent;
    process.start_ticks = *start;
    return true;
}

// status escapes line breaks in its Name line, so no comm can fake a Uid line.
bool parse_status(std::string_view status, Process& process) {
    constexpr std::string_view kKey = "\nUid:\t";
    const auto at = status.find(kKey);
    if (at == std::string_view::npos) return false;
    const auto rest = status.substr(at + kKey.size());
    const auto uid = whole_number<std::uint32_t>(rest.substr(0, rest.find_first_of("\t\n")));
    if (uid) process.uid = *uid;
    return uid.has_value();
}

struct CgroupPaths {
    std::string_view v2;
    std::string_view systemd_v1;
    std::vector<std::string_view> v1;
};

CgroupPaths parse_cgroup(std::string_view text) {
    CgroupPaths paths;
    for (const auto line : split(text, '\n')) {
        const auto first = line.find(':');
        const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const auto path = line.substr(second + 1);
        if (line.starts_with("0::")) {
            paths.v2 = path;
        } else {
            paths.v1.push_back(path);
            if (line.substr(first, second - first) == ":name=systemd") paths.systemd_v1 = path;
        }
    }
    return paths;
}

// v1 hierarchies may each put the process elsewhere; an id counts when no other one is named.
std::string agreed_container(const CgroupPaths& paths) {
    if (auto id = container_id_of(paths.v2); !id.empty()) return id;
    std::string agreed;
    for (const auto path : paths.v1) {
        auto id = container_id_of(path);
        if (id.empty() || id == agreed) continue;
        if (!agreed.empty()) return {};
        agreed = std::move(id);
    }
    return agreed;
}

void place_in_cgroups(std::string_view text, Process& process) {
    const auto paths = parse_cgroup(text);
    std::string_view shown = paths.v2;
    if (shown.empty() || shown == "/") {
        for (const auto path : paths.v1) {
            if (path.size() > shown.size()) shown = path;
        }
    }
    process.cgroup = shown;
    process.container_id = agreed_container(paths);
    process.unit = unit_of(paths.v2);
    if (process.unit.empty() && process.container_id.empty())
        process.unit = unit_of(paths.systemd_v1);
}

std::vector<std::string> parse_arguments(std::string_view text) {
    std::vector<std::string> arguments;
    while (!text.empty() && arguments.size() < kArguments) {
        const auto end = std::min(text.find('\0'), text.size());
        arguments.emplace_back(text.substr(0, std::min(end, kArgumentBytes)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return arguments;
}

}  // namespace

std::optional<Process> ProcRoot::read(std::uint32_t pid) const {
    const ProcDir dir(root_ / std::to_string(pid));
    Process process;
    process.pid = pid;
    const auto stat = dir.file("stat", kStatBytes);
    const auto status = dir.file("status", kStatusBytes);
    const auto cgroup = dir.file("cgroup", kCgroupBytes);
    if (!stat || !status || !cgroup) return std::nullopt;
    if (!parse_stat(*stat, process) || !parse_status(*status, process)) return std::nullopt;
    place_in_cgroups(*cgroup, process);
    process.exe = dir.link("exe");
    process.netns = static_cast<std::uint32_t>(inode_in(dir.link("ns/net"), "net:["));
    process.argv = parse_arguments(dir.file("cmdline", kArguments * kArgumentBytes).value_or(""));
    if (!dir.file("stat", kStatBytes)) return std::nullopt;
    process.user = user_name(process.uid);
    return process;
}

std::vector<std::uint32_t> ProcRoot::pids() const {
    return ProcDir(root_).numbers();
}

std::unordered_map<std::uint64_t, std::vector<Descriptor>> ProcRoot::socket_holders() const {
    std::unordered_map<std::uint64_t, std::vector<Descriptor>> holders;
    for (const auto pid : pids()) {
        const ProcDir descriptors(root_ / std::to_string(pid) / "fd");
        for (const auto fd : descriptors.numbers()) {
            const auto inode = inode_in(descriptors.link(std::to_string(fd).c_str()), "socket:[");
            if (inode == 0) continue;
            auto& known = holders[inode];
            if (known.empty() || known.back().pid != pid) known.push_back({pid, fd});
        }
    }
    return holders;
}

bool ProcRoot::holds(const Descriptor& descriptor, std::uint64_t inode) const {
    // Asked of every listener every second: by one call, where the library makes two.
    const auto path =
        fmt::format(FMT_COMPILE("{}/{}/fd/{}"), root_.native(), descriptor.pid, descriptor.fd);
    std::array<char, 64> link{};
    const auto length = ::readlink(path.c_str(), link.data(), link.size());
    return length > 0 &&
           inode_in({link.data(), static_cast<std::size_t>(length)}, "socket:[") == inode;
}

std::unordered_map<std::uint32_t, std::uint32_t> ProcRoot::network_namespaces() const {
    std::unordered_map<std::uint32_t, std::uint32_t> namespaces;
    const ProcDir root(root_);
    for (const auto pid : root.numbers()) {
        const auto link = root.link((std::to_string(pid) + "/ns/net").c_str());
        const auto inode = static_cast<std::uint32_t>(inode_in(link, "net:["));
        if (inode != 0) namespaces.try_emplace(inode, pid);
    }
    return namespaces;
}

}  // namespace portlid::identity
