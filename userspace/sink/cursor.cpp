// SPDX-License-Identifier: Apache-2.0
#include "sink/cursor.hpp"

#include <algorithm>

namespace portlid::sink {

namespace {
constexpr std::uint64_t kCursorMagic = 0x32525543444c50ULL;  // "PLDCUR2"
}  // namespace

Result<Cursor> Cursor::open(const std::string& path, CursorPage fresh, PageKeeper& keeper) {
    auto page = keeper.open(path, sizeof(CursorPage));
    if (!page) return pass_on(std::move(page).error());
    Cursor cursor(std::move(*page));
    fresh.magic = kCursorMagic;
    if (cursor->magic != kCursorMagic) *cursor.operator->() = fresh;
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

}  // namespace portlid::sink
