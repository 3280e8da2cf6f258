// SPDX-License-Identifier: Apache-2.0
#include "sink/sequence.hpp"

#include <array>

namespace portlid::sink {

struct Sequence::Page {
    std::array<char, 8> magic;
    std::uint64_t last;
};

namespace {

constexpr std::array<char, 8> kSequenceMagic = {'P', 'L', 'I', 'D', 'S', 'E', 'Q', '1'};
constexpr std::array<char, 8> kNothingYet = {};

}  // namespace

Result<Sequence> Sequence::open(const std::string& path, PageKeeper& keeper) {
    auto kept = keeper.open(path, sizeof(Page), true);
    if (!kept) return pass_on(std::move(kept).error(), "the event sequence");
    const Sequence sequence(std::move(*kept));
    if (sequence.page()->magic == kNothingYet) *sequence.page() = Page{kSequenceMagic, 0};
    if (sequence.page()->magic != kSequenceMagic)
        return fail(path + " is not an event sequence of this version",
                    "move it away: mv " + path + " " + path + ".old");
    return sequence;
}

std::uint64_t Sequence::last() const {
    return page()->last;
}

std::uint64_t Sequence::next() {
    return ++page()->last;
}

}  // namespace portlid::sink
