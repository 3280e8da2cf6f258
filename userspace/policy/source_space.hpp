// SPDX-License-Identifier: Apache-2.0
// All addresses, divided so finely that two policies treat every address of a part alike, and the
// way back from a choice of parts to words: "office, 10.0.0.0/8", "everybody but office".
#pragma once

#include <string>
#include <vector>

#include "policy/model.hpp"
#include "policy/source_classes.hpp"

namespace portlid::policy {

// Which parts; one element a part.
using SourceChoice = std::vector<bool>;

struct SourceWords {
    bool all = false;                // everybody, except for `names`
    std::vector<std::string> names;  // set names and prefixes
    auto operator<=>(const SourceWords&) const = default;
};
// "everybody", "everybody but office", "office, 10.0.0.0/8 and 3 more".
[[nodiscard]] std::string to_string(const SourceWords& words, std::size_t at_most = 6);

class SourceSpace {
public:
    struct Part {
        Family family = Family::IPv4;
        std::vector<IpAddress> examples;  // a few addresses of it, the best one first
        bool unlisted = false;            // where most of the family's addresses are
    };
    // Fails when the source lists of the two overlap in too many ways.
    [[nodiscard]] static Result<SourceSpace> build(const Policy& before, const Policy& after);

    [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
    // `chosen` in words, where `universe` is what "everybody" means.
    [[nodiscard]] SourceWords describe(const SourceChoice& chosen,
                                       const SourceChoice& universe) const;

private:
    using Number = unsigned __int128;  // an address; IPv4 uses the lowest 32 bits
    struct Interval {
        Number first = 0;
        Number last = 0;  // inclusive
        std::size_t part = 0;
    };
    struct Name {
        std::string text;
        SourceChoice parts;
    };

    void walk(const SourceTrie& trie, std::size_t family);
    void emit(std::size_t family, Number first, Number last, std::size_t class_id);
    void add_names(const Policy& policy, const SourceTrie& trie,
                   const std::vector<GroupId>& groups);
    void add_examples();
    [[nodiscard]] std::vector<std::string> words_for(SourceChoice rest) const;
    void add_prefixes(const SourceChoice& rest, std::vector<std::string>& words) const;

    std::array<std::vector<Interval>, 2> intervals_;   // 0 = IPv4, 1 = IPv6; adjacent
    std::array<std::vector<std::size_t>, 2> part_of_;  // by class; npos = not there
    std::vector<std::size_t> class_of_;                // by part
    std::vector<Part> parts_;
    std::vector<Name> names_;
};

}  // namespace portlid::policy
