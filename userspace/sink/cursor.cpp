// SPDX-License-Identifier: Apache-2.0
#include "sink/cursor.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace portlid::sink {

namespace {
constexpr std::uint64_t kMagic = 0x32525543444c50ULL;  // "PLDCUR2"
}

Result<Cursor> Cursor::open(const std::string& path, CursorPage fresh) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return fail_errno("cannot open " + path, errno, "check the state directory");
    // Allocated, not only sized: writing to a hole on a full disk would kill the process.
    if (const int reason = ::posix_fallocate(fd.get(), 0, sizeof(CursorPage)); reason != 0)
        return fail_errno("cannot write " + path, reason, "free some space");
    void* mapped =
        ::mmap(nullptr, sizeof(CursorPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (mapped == MAP_FAILED) return fail_errno("cannot map " + path, errno);
    Cursor cursor(std::move(fd), static_cast<CursorPage*>(mapped));
    fresh.magic = kMagic;
    if (cursor->magic != kMagic) *cursor.page_ = fresh;
    cursor->position = std::min(cursor->position, fresh.position);
    return cursor;
}

void note_loss(CursorPage& page, std::uint64_t count) {
    if (count == 0) return;
    if (page.lost == page.told) page.lost_since_ns = wall_now().time_since_epoch().count();
    page.lost += count;
}

SinkGap tell_loss(CursorPage& page, const std::string& sink, const char* cause) {
    const auto count = page.lost - page.told;
    page.told = page.lost;
    return {sink, cause, count, WallTime(std::chrono::nanoseconds(page.lost_since_ns)), page.lost};
}

Cursor::Cursor(Cursor&& other) noexcept
    : fd_(std::move(other.fd_)), page_(std::exchange(other.page_, nullptr)) {}

Cursor::~Cursor() {
    if (page_ != nullptr) ::munmap(page_, sizeof(CursorPage));
}

}  // namespace portlid::sink
