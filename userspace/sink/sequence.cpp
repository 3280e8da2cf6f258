// SPDX-License-Identifier: Apache-2.0
#include "sink/sequence.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace portlid::sink {

struct Sequence::Page {
    std::array<char, 8> magic;
    std::uint64_t last;
};

namespace {

constexpr std::array<char, 8> kMagic = {'P', 'L', 'I', 'D', 'S', 'E', 'Q', '1'};
constexpr std::array<char, 8> kZero = {};
constexpr std::size_t kFileBytes = 16;

Result<UniqueFd> open_locked(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid())
        return fail_errno("cannot open the event sequence " + path, errno,
                          "check that the state directory exists, or use --state-dir",
                          errno == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("another sensor uses the event sequence " + path,
                    "give this one its own --state-dir");
    // Allocated, not only sized: writing to a hole on a full disk would kill the process.
    if (const int reason = ::posix_fallocate(fd.get(), 0, kFileBytes); reason != 0)
        return fail_errno("cannot write the event sequence " + path, reason,
                          "free some space, or use --state-dir");
    return fd;
}

}  // namespace

Result<Sequence> Sequence::open(const std::string& path) {
    auto fd = open_locked(path);
    if (!fd) return pass_on(std::move(fd).error());
    void* mapped = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
    if (mapped == MAP_FAILED) return fail_errno("cannot map the event sequence " + path, errno);
    Sequence sequence(std::move(*fd), static_cast<Page*>(mapped));
    if (sequence.page_->magic == kZero) *sequence.page_ = Page{kMagic, 0};
    if (sequence.page_->magic != kMagic)
        return fail(path + " is not an event sequence of this version",
                    "move it away: mv " + path + " " + path + ".old");
    return sequence;
}

Sequence::Sequence(Sequence&& other) noexcept
    : fd_(std::move(other.fd_)), page_(std::exchange(other.page_, nullptr)) {}

Sequence::~Sequence() {
    if (page_ != nullptr) ::munmap(page_, kFileBytes);
}

std::uint64_t Sequence::last() const {
    return page_->last;
}

std::uint64_t Sequence::next() {
    return ++page_->last;
}

}  // namespace portlid::sink
