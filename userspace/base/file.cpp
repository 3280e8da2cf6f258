// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/unique_fd.hpp"

namespace portlid {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot open " + path.string(), errno);
    std::string content;
    std::array<char, 16384> buffer{};
    while (true) {
        const auto got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("cannot read " + path.string(), errno);
        if (got == 0) return content;
        content.append(buffer.data(), static_cast<std::size_t>(got));
        if (content.size() > limit_bytes)
            return fail(path.string() + " is larger than " + std::to_string(limit_bytes) +
                        " bytes");
    }
}

namespace {

Result<> write_all(int fd, std::string_view content, const std::string& name) {
    while (!content.empty()) {
        const auto wrote = ::write(fd, content.data(), content.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return fail_errno("cannot write " + name, errno);
        content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(fd) != 0) return fail_errno("cannot flush " + name, errno);
    return {};
}

}  // namespace

Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                               unsigned mode) {
    const std::string temporary = path.string() + ".new";
    const UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd.valid()) return fail_errno("cannot create " + temporary, errno);
    auto written = write_all(fd.get(), content, temporary);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
        written = fail_errno("cannot replace " + path.string(), errno);
    if (!written) ::unlink(temporary.c_str());
    return written;
}

ino_t file_inode(const std::filesystem::path& path) {
    struct stat facts {};
    return ::lstat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

Result<std::map<std::string, ino_t>> inodes_in(const std::filesystem::path& directory) {
    std::map<std::string, ino_t> found;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), &::closedir);
    if (!listing) return fail_errno("cannot read " + directory.string(), errno);
    while (const auto* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") found.emplace(name, entry->d_ino);
    }
    return found;
}

}  // namespace portlid
