// SPDX-License-Identifier: Apache-2.0
// The trie as the image holds it: where it does not branch, nodes become paths (abi/image.h).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "abi/image.h"
#include "policy/source_classes.hpp"

namespace portlid::policy {

struct PackedTrie {
    std::array<std::vector<std::uint32_t>, 2> roots;  // as those of the SourceTrie
    std::vector<trie_node> nodes;                     // nodes, and places with up to four paths
};

// Decides every address as `trie` does. Equal tries give equal bytes.
[[nodiscard]] PackedTrie pack(const SourceTrie& trie);

}  // namespace portlid::policy
