// SPDX-License-Identifier: Apache-2.0
#include "control/listen_socket.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "base/file.hpp"

namespace portlid::control {

namespace {

constexpr int kBacklog = 128;

std::optional<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

// The pid that listens on `path`, 0 when nobody does. The kernel keeps the listener's credentials,
// so the answer does not depend on what that process is willing to say.
pid_t listening_pid(const std::string& path) {
    const auto address = unix_address(path);
    if (!address) return 0;
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), generic(*address), sizeof(*address)) != 0 && errno != EAGAIN)
        return 0;
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    return peer.pid > 0 ? peer.pid : -1;
}

tl::unexpected<Error> another_sensor(const std::filesystem::path& path, pid_t pid) {
    const auto who = pid > 0 ? " (pid " + std::to_string(pid) + ")" : std::string();
    return fail("another sensor is running" + who + " on " + path.string(),
                "stop it, or give this one its own --runtime-dir, --state-dir and --bpffs");
}

Result<UniqueFd> lock_directory(const std::filesystem::path& directory) {
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
        return fail_errno("cannot make the runtime directory " + directory.string(), errno,
                          "make its parent directory, or choose another with --runtime-dir",
                          errno == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid())
        return fail_errno("cannot open the runtime directory " + directory.string(), errno,
                          "choose another with --runtime-dir");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        const auto path = directory / kSocketName;
        return another_sensor(path, listening_pid(path.string()));
    }
    return fd;
}

// Reading is for the socket's group; without a group `portlid` only root is left.
void give_to_group(const std::string& path) {
    std::array<char, 4096> buffer{};
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r("portlid", &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
        return;
    if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) return;
}

// Bound under another name first and then renamed: there is no moment with a half-open mode and
// none without a socket.
Result<UniqueFd> bind_at(const std::filesystem::path& path) {
    const std::string temporary = path.string() + ".new";
    const auto address = unix_address(temporary);
    if (!address)
        return fail("the control socket path is too long: " + path.string(),
                    "choose a shorter --runtime-dir (at most 90 bytes)", ExitCode::Usage);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(temporary.c_str());
    // The inode takes the socket's own mode, so nobody can connect before the group is set.
    if (!fd.valid() || ::fchmod(fd.get(), 0600) != 0 ||
        ::bind(fd.get(), generic(*address), sizeof(*address)) != 0)
        return fail_errno("cannot make the control socket " + path.string(), errno,
                          "check that the directory is writable, or use --runtime-dir",
                          errno == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    give_to_group(temporary);
    if (::chmod(temporary.c_str(), 0660) != 0 || ::listen(fd.get(), kBacklog) != 0 ||
        ::rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        return fail_errno("cannot open the control socket " + path.string(), reason);
    }
    return fd;
}

}  // namespace

Result<ListenSocket> open_listen_socket(const std::filesystem::path& directory) {
    auto lock = lock_directory(directory);
    if (!lock) return pass_on(std::move(lock).error());
    const auto path = directory / kSocketName;
    if (const auto pid = listening_pid(path.string()); pid != 0) return another_sensor(path, pid);
    auto socket = bind_at(path);
    if (!socket) return pass_on(std::move(socket).error());
    return ListenSocket{std::move(*lock), std::move(*socket), path, file_inode(path)};
}

bool is_in_place(const ListenSocket& socket) {
    return file_inode(socket.path) == socket.inode;
}

}  // namespace portlid::control
