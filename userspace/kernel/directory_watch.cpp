// SPDX-License-Identifier: Apache-2.0
#include "kernel/directory_watch.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace portlid::kernel {

namespace {

constexpr std::uint32_t kNames =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

// What happened does not matter; a directory that is gone says so too (IN_IGNORED).
bool drain(int inotify) {
    alignas(inotify_event) std::array<char, 4096> events;  // NOLINT(*-member-init): read into
    bool any = false;
    while (::read(inotify, events.data(), events.size()) > 0) any = true;
    return any;
}

}  // namespace

DirectoryWatch::DirectoryWatch(std::filesystem::path directory)
    : directory_(std::move(directory)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

std::optional<DirectoryWatch::Place> DirectoryWatch::place() const {
    struct statx is {};
    constexpr unsigned kWanted = STATX_INO | STATX_MNT_ID;
    if (::statx(AT_FDCWD, directory_.c_str(), 0, kWanted, &is) != 0) return {};
    const auto device = (std::uint64_t{is.stx_dev_major} << 32U) | is.stx_dev_minor;
    return Place{is.stx_mnt_id, device, is.stx_ino};
}

// Watched anew before it is looked at, so that nothing comes between.
bool DirectoryWatch::changed() {
    const bool told = drain(inotify_.get());
    const auto now = place();
    if (!told && now && watched_ == now) return false;
    const bool watched = ::inotify_add_watch(inotify_.get(), directory_.c_str(), kNames) >= 0;
    watched_ = watched ? now : std::nullopt;
    return true;
}

}  // namespace portlid::kernel
