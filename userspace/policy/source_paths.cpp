// SPDX-License-Identifier: Apache-2.0
#include "policy/source_paths.hpp"

#include <algorithm>
#include <optional>

namespace portlid::policy {

namespace {

constexpr std::uint32_t kNotPacked = ~std::uint32_t{0};

std::uint16_t class_in(std::uint32_t leaf) {
    return static_cast<std::uint16_t>(leaf & ~TRIE_LEAF);
}

// The one way on from a node where all other children are the same leaf.
struct Branch {
    std::uint32_t then = 0;       // entry of the SourceTrie
    std::uint32_t otherwise = 0;  // leaf
    std::uint64_t bits = 0;       // from the top
    std::uint8_t length = 0;      // 1..4
};

// The leaf of most children; of as many, the one that comes first.
std::optional<std::uint32_t> commonest_leaf(const trie_node& node) {
    std::optional<std::uint32_t> best;
    std::ptrdiff_t most = 0;
    for (const auto entry : node.child) {
        if ((entry & TRIE_LEAF) == 0) continue;
        const auto count = std::count(std::begin(node.child), std::end(node.child), entry);
        if (count > most) best = entry, most = count;
    }
    return best;
}

// What differs from `leaf` must be one child, or one aligned block of equal leaves.
std::optional<Branch> branch_beside(const trie_node& node, std::uint32_t leaf) {
    const auto* const end = std::end(node.child);
    const auto differs = [&](std::uint32_t entry) { return entry != leaf; };
    const auto* const first = std::find_if(std::begin(node.child), end, differs);
    const auto count = std::count_if(first, end, differs);
    const auto at = static_cast<std::uint64_t>(first - std::begin(node.child));
    const auto size = static_cast<std::uint64_t>(count);
    if (size == 0 || (size & (size - 1)) != 0 || at % size != 0) return std::nullopt;
    if (size > 1 && (*first & TRIE_LEAF) == 0) return std::nullopt;
    if (std::count(first, first + count, *first) != count) return std::nullopt;
    const auto length = TRIE_STRIDE_BITS - static_cast<unsigned>(__builtin_ctzll(size));
    return Branch{*first, leaf, at << 60U, static_cast<std::uint8_t>(length)};
}

std::optional<Branch> only_branch(const trie_node& node) {
    const auto leaf = commonest_leaf(node);
    return leaf ? branch_beside(node, *leaf) : std::nullopt;
}

class Packer {
public:
    explicit Packer(const SourceTrie& trie) : trie_(trie), packed_(trie.nodes.size(), kNotPacked) {}

    // At most 28 deep, one level for every four bits of an IPv6 address. What a node decides is
    // decided by no other, so none is added twice; paths that lead into one node repeat its bits.
    std::uint32_t convert(std::uint32_t entry) {
        if ((entry & TRIE_LEAF) != 0) return entry;
        if (packed_[entry] != kNotPacked) return packed_[entry];
        const auto path = path_from(entry);
        const auto result = path ? add(*path) : add(converted(trie_.nodes[entry]));
        return packed_[entry] = result;
    }

    std::vector<trie_node> nodes;

private:
    // The path that begins at a node, as long as its class for all others stays the same.
    std::optional<trie_path> path_from(std::uint32_t entry) {
        const auto branch = only_branch(trie_.nodes[entry]);
        if (!branch) return std::nullopt;
        trie_path path{branch->bits, branch->then, class_in(branch->otherwise), branch->length, 0};
        if ((branch->then & TRIE_LEAF) != 0) return path;
        const auto rest = path_from(branch->then);
        if (rest && rest->otherwise == path.otherwise && rest->length + 4U <= TRIE_PATH_BITS) {
            path.bits |= rest->bits >> 4U;
            path.length = static_cast<std::uint8_t>(rest->length + 4U);
            path.then = rest->then;
        } else {
            path.then = convert(branch->then);
        }
        return path;
    }
    trie_node converted(const trie_node& node) {
        trie_node out{};
        std::transform(std::begin(node.child), std::end(node.child), out.child,
                       [&](std::uint32_t child) { return convert(child); });
        return out;
    }
    std::uint32_t add(const trie_node& node) {
        nodes.push_back(node);
        return static_cast<std::uint32_t>(nodes.size() - 1);
    }
    std::uint32_t add(const trie_path& path) {
        if (part_ == TRIE_PATHS) {
            place_ = add(trie_node{});
            part_ = 0;
        }
        nodes[place_].paths[part_] = path;
        return TRIE_PATH_ENTRY(place_, part_++);
    }

    const SourceTrie& trie_;
    std::vector<std::uint32_t> packed_;  // by node of the SourceTrie: its entry
    std::uint32_t place_ = 0;            // where paths are being put
    std::uint32_t part_ = TRIE_PATHS;    // how many of them stand there
};

}  // namespace

PackedTrie pack(const SourceTrie& trie) {
    PackedTrie out;
    Packer packer(trie);
    for (std::size_t family = 0; family < trie.roots.size(); ++family)
        for (const auto entry : trie.roots[family])
            out.roots[family].push_back(packer.convert(entry));
    out.nodes = std::move(packer.nodes);
    return out;
}

}  // namespace portlid::policy
