// SPDX-License-Identifier: Apache-2.0
#include "kernel/pin_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "abi/types.h"
#include "kernel/uapi_new.hpp"

namespace portlid::kernel {

namespace fs = std::filesystem;

namespace {

constexpr const char* kUsualMount = "/sys/fs/bpf";
constexpr const char* kMountMarker = "mounted_by_us";

fs::path nearest_existing(fs::path path) {
    std::error_code ignored;
    while (!path.empty() && path != "/" && !fs::exists(path, ignored)) path = path.parent_path();
    return path;
}

bool on_bpffs(const fs::path& path) {
    struct statfs facts {};
    return ::statfs(path.c_str(), &facts) == 0 && facts.f_type == kBpfFsMagic;
}

bool lies_under_usual_mount(const fs::path& path) {
    const fs::path usual(kUsualMount);
    const auto [end, unused] = std::mismatch(usual.begin(), usual.end(), path.begin(), path.end());
    return end == usual.end();
}

bool is_version(const fs::path& path) {
    const auto name = path.filename().string();
    return name.size() > 1 && name[0] == 'v' &&
           std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<> make_directory(const fs::path& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return fail_errno("cannot make " + path.string(), errno);
    // Somebody may have widened it: what is pinned there is the policy.
    if (::chmod(path.c_str(), 0700) != 0)
        return fail_errno("cannot make " + path.string() + " private", errno);
    return {};
}

// True when we mounted it just now.
Result<bool> ensure_bpffs(const fs::path& root) {
    if (on_bpffs(nearest_existing(root))) return false;
    if (!lies_under_usual_mount(root))
        return fail(root.string() + " is not on a BPF file system",
                    "mount one there: mount -t bpf bpf " + root.parent_path().string(),
                    ExitCode::KernelMissing);
    constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;
    if (::mount("bpf", kUsualMount, "bpf", kFlags, "mode=0700") == 0) return true;
    return fail_errno(std::string("cannot mount a BPF file system on ") + kUsualMount, errno,
                      "needs CAP_SYS_ADMIN; or mount it at boot: mount -t bpf bpf /sys/fs/bpf",
                      errno == EPERM ? ExitCode::NoPermission : ExitCode::KernelMissing);
}

Result<> make_parents(const fs::path& path) {
    std::error_code error;
    if (fs::exists(path, error)) return {};
    if (auto made = make_parents(path.parent_path()); !made) return made;
    return make_directory(path);
}

UniqueFd locked(const fs::path& root, int how) {
    UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::flock(fd.get(), how | LOCK_NB) != 0) return UniqueFd();
    return fd;
}

}  // namespace

// Shared: two sensors are kept apart by their runtime directories.
UniqueFd hold_pins(const fs::path& root) {
    return locked(root, LOCK_SH);
}

bool pins_are_held(const fs::path& root) {
    std::error_code failed;
    return fs::exists(root, failed) && !locked(root, LOCK_EX).valid();
}

std::vector<fs::path> entries(const fs::path& directory) {
    // Names with a dot belong to the kernel: maps.debug and progs.debug in a bpffs' root.
    const auto is_kernels = [](const fs::path& path) {
        return path.filename().string().find('.') != std::string::npos;
    };
    std::error_code error;
    std::vector<fs::path> found;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
        if (!is_kernels(at->path())) found.push_back(at->path());
    std::sort(found.begin(), found.end());
    return found;
}

PinDirectory::PinDirectory(fs::path root)
    : root_(std::move(root)), version_(root_ / ("v" + std::to_string(PORTLID_ABI_VERSION))) {}

Result<PinDirectory> PinDirectory::create(const fs::path& root) {
    if (!root.is_absolute())
        return fail("--bpffs " + root.string() + " is not an absolute path", {}, ExitCode::Usage);
    // kernel/bpf/inode.c, bpf_lookup(): such names are reserved.
    if (root.filename().string().find('.') != std::string::npos)
        return fail("--bpffs " + root.string() + ": a BPF file system takes no names with dots",
                    "choose another name", ExitCode::Usage);
    auto mounted = ensure_bpffs(root);
    if (!mounted) return pass_on(std::move(mounted.error()));
    PinDirectory pins(root.lexically_normal());
    auto made = make_parents(pins.root_.parent_path());
    std::vector<fs::path> wanted{pins.root_, pins.version_, pins.maps(), pins.links()};
    if (*mounted) wanted.push_back(pins.root_ / kMountMarker);
    for (const auto& path : wanted)
        if (made) made = make_directory(path);
    if (made) return pins;
    pins.remove_if_empty();
    if (*mounted) ::umount(kUsualMount);  // busy when somebody else uses it by now
    return pass_on(std::move(made.error()), "pin directory");
}

std::vector<fs::path> PinDirectory::versions() const {
    auto found = entries(root_);
    std::erase_if(found, [](const fs::path& path) { return !is_version(path); });
    return found;
}

void PinDirectory::take_over_other_versions() const {
    for (const auto& other : versions()) {
        if (other == version_) continue;
        for (const auto& link : entries(other / "links")) {
            const auto ours = links() / link.filename();
            // One that we hold already wins; detaching theirs is removing its last reference.
            if (::access(ours.c_str(), F_OK) != 0)
                ::rename(link.c_str(), ours.c_str());
            else
                ::unlink(link.c_str());
        }
        for (const auto& map : entries(other / "maps")) ::unlink(map.c_str());
        for (const char* part : {"links", "maps"}) ::rmdir((other / part).c_str());
        ::rmdir(other.c_str());
    }
}

void PinDirectory::remove_if_empty() const {
    for (const auto& version : versions()) {
        for (const char* part : {"maps", "links"}) ::rmdir((version / part).c_str());
        ::rmdir(version.c_str());
    }
    if (!versions().empty()) return;
    const bool ours = ::rmdir((root_ / kMountMarker).c_str()) == 0;
    ::rmdir(root_.c_str());
    if (ours && entries(kUsualMount).empty()) ::umount2(kUsualMount, 0);
}

}  // namespace portlid::kernel
