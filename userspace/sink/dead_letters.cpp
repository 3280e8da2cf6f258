// SPDX-License-Identifier: Apache-2.0
#include "sink/dead_letters.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "sink/encode/encoder.hpp"

namespace portlid::sink {

namespace {

std::uint64_t letters_in(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return static_cast<std::uint64_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

// The whole line or nothing of it: half a letter would spoil the next one.
bool append_letter(const UniqueFd& fd, const std::string& line) {
    struct stat before {};
    if (!fd.valid() || ::fstat(fd.get(), &before) != 0) return false;
    const bool whole =
        ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
    // NOLINTNEXTLINE(readability-simplify-boolean-expr): a disk that keeps the half has it
    if (!whole && ::ftruncate(fd.get(), before.st_size) != 0) return false;
    return whole;
}

}  // namespace

// What the rename writes over is gone.
std::uint64_t DeadLetters::rotate() const {
    struct stat facts {};
    if (::stat(path_.c_str(), &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) <= limit_)
        return 0;
    const auto older = path_ + ".1";
    const auto gone = letters_in(older);
    return ::rename(path_.c_str(), older.c_str()) == 0 ? gone : 0;
}

std::uint64_t DeadLetters::add(const std::string& sink, const std::string& why,
                               const std::string& record) const {
    const auto gone = rotate();
    const UniqueFd fd(
        ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    const Json letter = {
        {"time", to_rfc3339(wall_now())}, {"sink", sink}, {"why", why}, {"record", record}};
    return gone + (append_letter(fd, json_text(letter) + "\n") ? 0 : 1);
}

}  // namespace portlid::sink
