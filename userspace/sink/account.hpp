// SPDX-License-Identifier: Apache-2.0
// What a sink without a spool was given, what of it is written and what is lost, in a page that
// outlives the process: given = written + lost + what waits, so that a start finds what the run
// before had in its memory. A write that kill -9 cut off counts as done: what was written is never
// told as lost.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sink/cursor.hpp"

namespace portlid::sink {

class Account {
public:
    Account() : own_(std::make_unique<CursorPage>()) {}  // of this run only
    // What the run before left open is lost now. `last_seq`: of the last event numbered so far;
    // `every`: the sink takes them all, so that one numbered and never given is lost as well.
    [[nodiscard]] static Result<Account> open(const std::string& path, std::uint64_t last_seq,
                                              bool every, PageKeeper& keeper);

    // The sink's own number of the event.
    std::uint64_t give(std::uint64_t seq);
    // Around each attempt to write the oldest that waits.
    void begin() { page().ordinal = page().position + 1; }
    void end(bool written);
    void lose(std::uint64_t count) { note_loss(page(), count); }
    [[nodiscard]] bool untold() const { return page().lost != page().told; }
    [[nodiscard]] SinkGap tell(const std::string& sink) { return tell_loss(page(), sink, "queue"); }
    // The run ends in order: nothing is between a number and the sink.
    void close() { page().last_seq = 0; }

private:
    explicit Account(Cursor kept) : kept_(std::move(kept)) {}
    // position: written; ordinal: written when the attempt succeeds; sink_seq: given; last_seq: of
    // the last given, 0 when the run has ended.
    [[nodiscard]] CursorPage& page() const { return kept_ ? *kept_->operator->() : *own_; }
    void close_run_before(std::uint64_t last_seq, bool every);

    std::optional<Cursor> kept_;
    std::unique_ptr<CursorPage> own_;
};

}  // namespace portlid::sink
