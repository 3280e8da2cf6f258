// SPDX-License-Identifier: Apache-2.0
#include "sink/cursor.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace portlid::sink {

namespace {
constexpr std::uint64_t kMagic = 0x31525543444c50ULL;  // "PLDCUR1"
}

Result<Cursor> Cursor::open(const std::string& path, std::uint64_t tail) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return fail_errno("cannot open " + path, errno, "check the state directory");
    // Allocated, not only sized: writing to a hole on a full disk would kill the process.
    if (const int reason = ::posix_fallocate(fd.get(), 0, sizeof(CursorPage)); reason != 0)
        return fail_errno("cannot write " + path, reason, "free some space");
    void* mapped =
        ::mmap(nullptr, sizeof(CursorPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (mapped == MAP_FAILED) return fail_errno("cannot map " + path, errno);
    Cursor cursor(std::move(fd), static_cast<CursorPage*>(mapped));
    if (cursor->magic != kMagic) *cursor.page_ = CursorPage{.magic = kMagic, .position = tail};
    if (cursor->position > tail) cursor->position = tail;  // the spool was cut or removed
    return cursor;
}

Cursor::Cursor(Cursor&& other) noexcept
    : fd_(std::move(other.fd_)), page_(std::exchange(other.page_, nullptr)) {}

Cursor::~Cursor() {
    if (page_ != nullptr) ::munmap(page_, sizeof(CursorPage));
}

}  // namespace portlid::sink
