// SPDX-License-Identifier: Apache-2.0
#include "sink/account.hpp"

#include <algorithm>

namespace portlid::sink {

namespace {
constexpr std::uint64_t kNew = ~0ULL;  // a position that nobody reaches
}  // namespace

Result<Account> Account::open(const std::string& path, std::uint64_t last_seq, bool every,
                              PageKeeper& keeper) {
    auto kept = Cursor::open(path, {.position = kNew}, keeper);
    if (!kept) return pass_on(std::move(kept).error());
    Account account(std::move(*kept));
    if (account.page().position == kNew) account.page().position = 0;
    account.close_run_before(last_seq, every);
    account.page().last_seq = last_seq;
    return account;
}

void Account::close_run_before(std::uint64_t last_seq, bool every) {
    auto& page = this->page();
    page.position = std::max(page.position, page.ordinal);
    page.ordinal = 0;
    // Killed between the number and the sink. More than one: runs without this sink.
    if (every && page.last_seq != 0 && last_seq == page.last_seq + 1) ++page.sink_seq;
    const auto known = page.position + page.lost;
    if (page.sink_seq > known)
        note_loss(page, page.sink_seq - known);
    else
        page.position -= std::min(page.position, known - page.sink_seq);  // a power loss tore it
}

std::uint64_t Account::give(std::uint64_t seq) {
    page().last_seq = seq;
    return ++page().sink_seq;
}

// Whichever of the two stores a kill is behind, the page means the same.
void Account::end(bool written) {
    if (written) page().position = page().ordinal;
    page().ordinal = 0;
}

}  // namespace portlid::sink
