// SPDX-License-Identifier: Apache-2.0
#include "identity/proc_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "identity/number.hpp"

namespace portlid::identity {

ProcDir::ProcDir(const std::filesystem::path& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

std::optional<std::string> ProcDir::file(const char* name, std::size_t limit_bytes) const {
    if (!fd_.valid()) return std::nullopt;
    const UniqueFd file(::openat(fd_.get(), name, O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return std::nullopt;
    std::string content;
    std::array<char, 8192> buffer{};
    while (content.size() < limit_bytes) {
        const auto wanted = std::min(buffer.size(), limit_bytes - content.size());
        const auto got = ::read(file.get(), buffer.data(), wanted);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        content.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return content;
}

std::string ProcDir::link(const char* name) const {
    if (!fd_.valid()) return {};
    std::array<char, PATH_MAX> target{};
    const auto length = ::readlinkat(fd_.get(), name, target.data(), target.size());
    return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length))
                      : std::string();
}

// Of every process, so without what opendir(3) adds: it would open the directory a second time.
std::vector<std::uint32_t> ProcDir::numbers() const {
    std::vector<std::uint32_t> found;
    alignas(dirent64) std::array<char, 8192> entries;  // NOLINT(*-member-init): read into
    if (!fd_.valid() || ::lseek(fd_.get(), 0, SEEK_SET) != 0) return found;
    for (ssize_t bytes = 0;
         (bytes = ::getdents64(fd_.get(), entries.data(), entries.size())) > 0;) {
        for (ssize_t at = 0; at < bytes;) {
            const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
            const auto number = whole_number<std::uint32_t>(entry->d_name);
            if (number) found.push_back(*number);
            at += entry->d_reclen;
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::uint64_t inode_in(std::string_view link, std::string_view prefix) {
    if (!link.starts_with(prefix) || !link.ends_with(']')) return 0;
    link.remove_prefix(prefix.size());
    link.remove_suffix(1);
    return whole_number<std::uint64_t>(link).value_or(0);
}

}  // namespace portlid::identity
