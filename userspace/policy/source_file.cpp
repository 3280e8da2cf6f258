// SPDX-License-Identifier: Apache-2.0
#include "policy/source_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace portlid::policy {

namespace {

std::string shell_word(const std::filesystem::path& path) {
    return fmt::format("'{}'", printable(path.string(), 200));
}

Result<> check_owner(const struct stat& facts, const std::filesystem::path& path) {
    if (facts.st_uid != 0 && facts.st_uid != geteuid())
        return fail(fmt::format("the file belongs to uid {}, not to root", facts.st_uid),
                    "chown root " + shell_word(path), ExitCode::PolicyInvalid);
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(
            fmt::format("group or others may write the file (mode {:04o})", facts.st_mode & 07777U),
            "chmod go-w " + shell_word(path), ExitCode::PolicyInvalid);
    return {};
}

Result<UniqueFd> open_source(const std::filesystem::path& path, bool check_ownership) {
    // O_NONBLOCK: a FIFO in place of the file must not hang the daemon.
    const int flags = O_RDONLY | O_CLOEXEC | (check_ownership ? O_NOFOLLOW | O_NONBLOCK : 0);
    UniqueFd fd(::open(path.c_str(), flags));
    if (fd.valid()) return fd;
    if (errno == ELOOP && check_ownership)
        return fail("the file is a symbolic link", "name the file it points to",
                    ExitCode::PolicyInvalid);
    return fail_errno("cannot open the file", errno, "ls -l " + shell_word(path),
                      ExitCode::PolicyInvalid);
}

Result<> check_kind(const UniqueFd& fd, const std::filesystem::path& path, bool check_ownership) {
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0)
        return fail_errno("cannot read the file's owner", errno, {}, ExitCode::PolicyInvalid);
    if (S_ISDIR(facts.st_mode))
        return fail("this is a directory, not a file", "name the policy file in it",
                    ExitCode::PolicyInvalid);
    if (!check_ownership) return {};
    if (!S_ISREG(facts.st_mode))
        return fail("this is no regular file", {}, ExitCode::PolicyInvalid);
    return check_owner(facts, path);
}

}  // namespace

Result<std::string> read_source(const std::filesystem::path& path, std::size_t limit_bytes,
                                bool check_ownership) {
    auto fd = open_source(path, check_ownership);
    if (!fd) return pass_on(fd.error());
    if (auto kind = check_kind(*fd, path, check_ownership); !kind) return pass_on(kind.error());
    std::string text;
    while (text.size() <= limit_bytes) {
        constexpr std::size_t kChunkBytes = 65536;
        const auto old_size = text.size();
        text.resize(old_size + std::min(kChunkBytes, limit_bytes + 1 - old_size));
        const auto got = ::read(fd->get(), text.data() + old_size, text.size() - old_size);
        const int problem = errno;
        text.resize(old_size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0) return text;
        if (got < 0 && problem != EINTR)
            return fail_errno("cannot read the file", problem, {}, ExitCode::PolicyInvalid);
    }
    return fail(fmt::format("the file is larger than {} MiB", limit_bytes >> 20U),
                "move long address lists into set files, split the rest with `include:`",
                ExitCode::PolicyInvalid);
}

}  // namespace portlid::policy
