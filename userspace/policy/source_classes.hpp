// SPDX-License-Identifier: Apache-2.0
// Which of the policy's source lists an address is in, as one number, and the trie that finds it.
//
// Invariants: 1. Class 0 = in no list. 2. Prefixes are inserted from the shortest to the longest,
// so every entry that a prefix covers is still a leaf when its turn comes. 3. Equal subtries are
// one node: the result is the smallest graph for the lists, whatever the order of their entries.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "abi/image.h"
#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::policy {

using GroupId = std::uint32_t;

// The distinct source lists of a policy; the same list twice is one group.
class SourceGroups {
public:
    [[nodiscard]] GroupId add(const std::vector<Cidr>& members);
    [[nodiscard]] std::size_t size() const { return lists_.size(); }
    [[nodiscard]] const std::vector<Cidr>& members(GroupId group) const { return lists_[group]; }

private:
    std::vector<std::vector<Cidr>> lists_;
    std::map<std::vector<Cidr>, GroupId> known_;
};

struct SourceTrie {
    std::array<std::vector<std::uint32_t>, 2> roots;  // TRIE_ROOT_SIZE entries; 0 = IPv4, 1 = IPv6
    std::vector<trie_node> nodes;
    std::vector<std::vector<GroupId>> classes;          // by class: its groups, sorted
    std::array<std::vector<std::uint16_t>, 2> present;  // classes that occur in the family
    std::array<std::uint16_t, 2> unlisted{};            // class of most of the family's space

    [[nodiscard]] bool contains(std::size_t class_id, GroupId group) const;
};

// Fails when the lists overlap in more ways than MAX_SOURCE_CLASSES.
[[nodiscard]] Result<SourceTrie> build_source_trie(const SourceGroups& groups);

}  // namespace portlid::policy
