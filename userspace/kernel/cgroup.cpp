// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"

namespace portlid::kernel {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMountinfoBytes = 16U << 20;

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                            is_octal(text[i + 2]) && is_octal(text[i + 3]);
        if (!escape) {
            out += text[i];
            continue;
        }
        const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
        out += static_cast<char>(code);
        i += 3;
    }
    return out;
}

std::uint32_t depth_below(const fs::path& mount, const fs::path& path) {
    const auto relative = path.lexically_relative(mount);
    if (relative.empty() || relative == ".") return 0;
    return static_cast<std::uint32_t>(std::distance(relative.begin(), relative.end()));
}

Result<fs::path> mount_of_cgroup2() {
    auto text = read_file("/proc/self/mountinfo", kMountinfoBytes);
    if (!text) return pass_on(std::move(text.error()), "cgroup v2");
    auto mount = cgroup2_mount(*text);
    if (!mount.empty()) return mount;
    return fail("no cgroup v2 hierarchy is mounted",
                "mount one: mount -t cgroup2 none /sys/fs/cgroup/unified, or name a directory "
                "with --cgroup",
                ExitCode::KernelMissing);
}

}  // namespace

fs::path cgroup2_mount(std::string_view mountinfo) {
    for (const auto line : split(mountinfo, '\n')) {
        const auto separator = line.find(" - ");
        if (separator == std::string_view::npos) continue;
        const auto tail = line.substr(separator + 3);
        if (!tail.starts_with("cgroup2 ")) continue;
        const auto fields = split(line.substr(0, separator), ' ');
        if (fields.size() > 4) return unescape(fields[4]);
    }
    return {};
}

Result<Cgroup> open_cgroup(const fs::path& path) {
    auto mount = mount_of_cgroup2();
    if (!mount && path.empty()) return pass_on(std::move(mount.error()));
    std::error_code error;
    const auto wanted = path.empty() ? *mount : fs::canonical(path, error);
    Cgroup cgroup{wanted.empty() ? path : wanted, {}, 0, 0};
    cgroup.fd = UniqueFd(::open(cgroup.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct statfs facts {};
    struct stat inode {};
    if (!cgroup.fd.valid() || ::fstatfs(cgroup.fd.get(), &facts) != 0 ||
        ::fstat(cgroup.fd.get(), &inode) != 0)
        return fail_errno("cannot open the cgroup " + cgroup.path.string(), errno,
                          "name a cgroup v2 directory with --cgroup");
    if (facts.f_type != CGROUP2_SUPER_MAGIC)
        return fail(cgroup.path.string() + " is not a cgroup v2 directory",
                    "name one with --cgroup, such as " + (mount ? mount->string() : "the mount"));
    cgroup.id = inode.st_ino;  // kernfs ids are inode numbers on 64-bit kernels
    cgroup.level = mount ? depth_below(*mount, cgroup.path) : 0;
    return cgroup;
}

}  // namespace portlid::kernel
