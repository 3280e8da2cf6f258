// SPDX-License-Identifier: Apache-2.0
#include "kernel/directory_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace portlid::kernel {

namespace {

constexpr std::uint32_t kNames =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr unsigned kNowAndThen = 8;

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

// The directory of that name may be another one by now: it is watched anew before it is looked at.
bool DirectoryWatch::changed() {
    const bool told = drain(inotify_.get());
    if (watched_ && !told && ++asked_ % kNowAndThen != 0) return false;
    watched_ = ::inotify_add_watch(inotify_.get(), directory_.c_str(), kNames) >= 0;
    return true;
}

}  // namespace portlid::kernel
