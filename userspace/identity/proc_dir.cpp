// SPDX-License-Identifier: Apache-2.0
#include "identity/proc_dir.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "identity/number.hpp"

namespace portlid::identity {

namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

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

std::vector<std::uint32_t> ProcDir::numbers() const {
    if (!fd_.valid()) return {};
    // fdopendir takes its descriptor over, hence a second one.
    UniqueFd own(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, CloseDirectory> directory(own.valid() ? ::fdopendir(own.get())
                                                                     : nullptr);
    if (!directory) return {};
    (void)own.release();
    std::vector<std::uint32_t> found;
    while (const dirent* entry = ::readdir(directory.get())) {
        if (const auto number = whole_number<std::uint32_t>(entry->d_name))
            found.push_back(*number);
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
