// SPDX-License-Identifier: Apache-2.0
// How far one sink is in the spool, in a page that survives kill -9 as it stands. After a power
// loss it may be older than what was sent: those records are sent again, with equal (id, rev).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "sink/kept_page.hpp"
#include "sink/sink.hpp"

namespace portlid::sink {

struct CursorPage {
    std::uint64_t magic;
    std::uint64_t position;  // everything in front of it is delivered or given up
    std::uint64_t last_seq;  // of the last record in front of it
    std::uint64_t ordinal;   // the same record's
    std::uint64_t sink_seq;  // of the last record that passed the filter
    std::uint64_t lost;      // given up by the spool's caps or not readable, all told
    std::uint64_t told;      // of these, already named by a sensor.gap
    std::int64_t lost_since_ns;
};

// Adds to the count; a loss that nobody was told begins now.
void note_loss(CursorPage& page, std::uint64_t count);
// What nobody was told yet, as told. Zero is no gap: the caller looks first.
[[nodiscard]] SinkGap tell_loss(CursorPage& page, const std::string& sink, const char* cause);

class Cursor {
public:
    // A new one is `fresh`; the caller says where the spool ends now: a sink gets what happens from
    // now on. One that is further than that (the spool was cut or removed) goes back to it.
    [[nodiscard]] static Result<Cursor> open(const std::string& path, CursorPage fresh,
                                             PageKeeper& keeper);
    CursorPage* operator->() const { return static_cast<CursorPage*>(page_->data()); }

private:
    explicit Cursor(std::shared_ptr<KeptPage> page) : page_(std::move(page)) {}
    std::shared_ptr<KeptPage> page_;
};

}  // namespace portlid::sink
