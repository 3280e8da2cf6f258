// SPDX-License-Identifier: Apache-2.0
// The control socket as a file: who may open it, and that only one sensor holds it.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::control {

inline constexpr const char* kSocketName = "portlid.sock";

// A listening socket at directory/portlid.sock. The lock on the directory lasts as long as this
// value lives and dies with the process, so a killed sensor never blocks the next one.
struct ListenSocket {
    UniqueFd directory_lock;
    UniqueFd socket;  // non-blocking, close-on-exec
    std::filesystem::path path;
    ino_t inode = 0;  // of the socket file
};

// Makes the directory (0755) and the socket (0660, group `portlid` where it exists). A socket that
// nobody listens on is replaced in one step; one that answers is refused with the pid behind it.
[[nodiscard]] Result<ListenSocket> open_listen_socket(const std::filesystem::path& directory);
// Whoever opens the path reaches that very socket.
[[nodiscard]] bool is_in_place(const ListenSocket& socket);

}  // namespace portlid::control
