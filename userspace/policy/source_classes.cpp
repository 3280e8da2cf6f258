// SPDX-License-Identifier: Apache-2.0
#include "policy/source_classes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace portlid::policy {

namespace {

struct Insertion {
    Cidr prefix;
    GroupId group = 0;
};

// Interns sets of groups. Numbers are those of the build; compact() gives the final ones.
class ClassTable {
public:
    ClassTable() { intern({}); }

    [[nodiscard]] std::uint32_t with(std::uint32_t class_id, GroupId group) {
        const auto key = std::uint64_t{class_id} << 32U | group;
        if (const auto known = joined_.find(key); known != joined_.end()) return known->second;
        auto groups = classes_[class_id];
        const auto place = std::lower_bound(groups.begin(), groups.end(), group);
        if (place == groups.end() || *place != group) groups.insert(place, group);
        return joined_[key] = intern(std::move(groups));
    }
    [[nodiscard]] std::size_t size() const { return classes_.size(); }
    [[nodiscard]] const std::vector<GroupId>& groups(std::uint32_t id) const {
        return classes_[id];
    }

private:
    std::uint32_t intern(std::vector<GroupId> groups) {
        const auto next = static_cast<std::uint32_t>(classes_.size());
        const auto [entry, is_new] = ids_.emplace(groups, next);
        if (is_new) classes_.push_back(std::move(groups));
        return entry->second;
    }

    std::vector<std::vector<GroupId>> classes_;
    std::map<std::vector<GroupId>, std::uint32_t> ids_;
    std::unordered_map<std::uint64_t, std::uint32_t> joined_;
};

// The trie while it grows: a plain tree, one node per used position.
class Builder {
public:
    explicit Builder(ClassTable& classes) : classes_(classes) {
        root_.assign(TRIE_ROOT_SIZE, TRIE_LEAF);
    }

    // `bits` of `key` (network order, the family's own length) gain `group`.
    void insert(const std::uint8_t* key, unsigned bits, GroupId group) {
        const auto top = static_cast<std::uint32_t>(key[0] << 8U | key[1]);
        if (bits <= TRIE_ROOT_BITS) {
            join(root_.data() + top, std::size_t{1} << (TRIE_ROOT_BITS - bits), group);
            return;
        }
        auto node = descend(root_[top]);
        unsigned used = TRIE_ROOT_BITS;
        while (bits - used > TRIE_STRIDE_BITS) {
            node = child(node, nibble(key, used));
            used += TRIE_STRIDE_BITS;
        }
        const auto span = std::size_t{1} << (TRIE_STRIDE_BITS - (bits - used));
        join(nodes_[node].child + nibble(key, used), span, group);
    }

    [[nodiscard]] const std::vector<std::uint32_t>& root() const { return root_; }
    [[nodiscard]] const trie_node& node(std::uint32_t index) const { return nodes_[index]; }

private:
    static unsigned nibble(const std::uint8_t* key, unsigned bit) {
        const unsigned byte = key[bit / 8];
        return bit % 8 == 0 ? byte >> 4U : byte & 0x0fU;
    }
    // Only leaves are here: what is longer comes later (invariant 2).
    void join(std::uint32_t* entry, std::size_t count, GroupId group) {
        for (std::size_t i = 0; i < count; ++i)
            entry[i] = TRIE_LEAF | classes_.with(entry[i] & ~TRIE_LEAF, group);
    }
    std::uint32_t child(std::uint32_t node, unsigned slot) {
        auto entry = nodes_[node].child[slot];
        const auto below = descend(entry);
        nodes_[node].child[slot] = entry;
        return below;
    }
    // The node that `entry` points to; a leaf is pushed down into a new one.
    std::uint32_t descend(std::uint32_t& entry) {
        if ((entry & TRIE_LEAF) == 0) return entry;
        trie_node fresh{};
        std::fill_n(fresh.child, TRIE_FANOUT, entry);
        entry = static_cast<std::uint32_t>(nodes_.size());
        nodes_.push_back(fresh);
        return entry;
    }

    ClassTable& classes_;
    std::vector<std::uint32_t> root_;
    std::vector<trie_node> nodes_;
};

struct NodeHash {
    std::size_t operator()(const trie_node& node) const {
        std::uint64_t hash = 0;
        for (const auto child : node.child) hash = (hash ^ child) * 0x9e3779b97f4a7c15ULL;
        return static_cast<std::size_t>(hash ^ hash >> 32U);
    }
};
struct NodeEqual {
    bool operator()(const trie_node& a, const trie_node& b) const {
        return std::memcmp(&a, &b, sizeof(a)) == 0;
    }
};

// Turns a built tree into the final graph: equal nodes become one, a node of equal leaves becomes
// a leaf, and classes are numbered in the order in which they are met.
class Canonical {
public:
    Canonical(const ClassTable& table, SourceTrie& trie)
        : table_(table), trie_(trie), numbers_(table.size(), kUnnumbered) {
        (void)class_of(0);
    }

    void add_family(const Builder& builder, std::size_t family) {
        auto& root = trie_.roots[family];
        root.reserve(TRIE_ROOT_SIZE);
        for (const auto entry : builder.root()) root.push_back(convert(builder, entry));
    }

private:
    static constexpr std::uint32_t kUnnumbered = ~std::uint32_t{0};

    std::uint32_t class_of(std::uint32_t built) {
        auto& number = numbers_[built];
        if (number == kUnnumbered) {
            number = static_cast<std::uint32_t>(trie_.classes.size());
            trie_.classes.push_back(table_.groups(built));
        }
        return number;
    }
    // Recursion is at most 28 deep: one level per nibble of an IPv6 address.
    std::uint32_t convert(const Builder& builder, std::uint32_t entry) {
        if ((entry & TRIE_LEAF) != 0) return TRIE_LEAF | class_of(entry & ~TRIE_LEAF);
        trie_node node{};
        for (unsigned i = 0; i < TRIE_FANOUT; ++i)
            node.child[i] = convert(builder, builder.node(entry).child[i]);
        const bool same = std::all_of(node.child, node.child + TRIE_FANOUT,
                                      [&](std::uint32_t child) { return child == node.child[0]; });
        if (same && (node.child[0] & TRIE_LEAF) != 0) return node.child[0];
        if (const auto known = shared_.find(node); known != shared_.end()) return known->second;
        const auto index = static_cast<std::uint32_t>(trie_.nodes.size());
        shared_.emplace(node, index);
        trie_.nodes.push_back(node);
        return index;
    }

    const ClassTable& table_;
    SourceTrie& trie_;
    std::vector<std::uint32_t> numbers_;
    std::unordered_map<trie_node, std::uint32_t, NodeHash, NodeEqual> shared_;
};

std::vector<Insertion> sorted_insertions(const SourceGroups& groups) {
    std::vector<Insertion> all;
    for (GroupId group = 0; group < groups.size(); ++group)
        for (const auto& member : groups.members(group)) all.push_back({member, group});
    std::stable_sort(all.begin(), all.end(), [](const Insertion& a, const Insertion& b) {
        return a.prefix.bits < b.prefix.bits;
    });
    return all;
}

// Which classes a family's entries reach, and which fills most of its root.
void survey(SourceTrie& trie, std::size_t family) {
    std::vector<std::size_t> weight(trie.classes.size());
    std::vector<bool> seen(trie.nodes.size());
    std::vector<bool> present(trie.classes.size());
    std::vector<std::uint32_t> open;
    const auto visit = [&](std::uint32_t entry) {
        if ((entry & TRIE_LEAF) != 0) {
            present[entry & ~TRIE_LEAF] = true;
        } else if (!seen[entry]) {
            seen[entry] = true;
            open.push_back(entry);
        }
    };
    for (const auto entry : trie.roots[family]) {
        visit(entry);
        if ((entry & TRIE_LEAF) != 0) ++weight[entry & ~TRIE_LEAF];
    }
    while (!open.empty()) {
        const auto node = trie.nodes[open.back()];
        open.pop_back();
        for (const auto child : node.child) visit(child);
    }
    const auto heaviest = std::max_element(weight.begin(), weight.end()) - weight.begin();
    trie.unlisted[family] = static_cast<std::uint16_t>(heaviest);
    for (std::size_t id = 0; id < present.size(); ++id)
        if (present[id]) trie.present[family].push_back(static_cast<std::uint16_t>(id));
}

tl::unexpected<Error> too_many_classes() {
    return fail(fmt::format("the source lists overlap in more than {} ways", MAX_SOURCE_CLASSES),
                "use fewer sets, or sets that do not overlap, in `from`, `deny` and `management`",
                ExitCode::PolicyInvalid);
}

}  // namespace

GroupId SourceGroups::add(const std::vector<Cidr>& members) {
    auto list = members;
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    const auto [entry, is_new] = known_.emplace(list, static_cast<GroupId>(lists_.size()));
    if (is_new) lists_.push_back(std::move(list));
    return entry->second;
}

bool SourceTrie::contains(std::size_t class_id, GroupId group) const {
    const auto& groups = classes[class_id];
    return std::binary_search(groups.begin(), groups.end(), group);
}

Result<SourceTrie> build_source_trie(const SourceGroups& groups) {
    // Overlaps on the way to the final trie may need more classes than the result has.
    constexpr std::size_t kMaxBuilding = std::size_t{16} * MAX_SOURCE_CLASSES;
    ClassTable classes;
    std::array<Builder, 2> builders{Builder(classes), Builder(classes)};
    for (const auto& [prefix, group] : sorted_insertions(groups)) {
        const bool v4 = prefix.address.family() == Family::IPv4;
        const auto* key = prefix.address.bytes().data() + (v4 ? 12 : 0);
        builders[v4 ? 0 : 1].insert(key, prefix.bits, group);
        if (classes.size() > kMaxBuilding) return too_many_classes();
    }
    SourceTrie trie;
    Canonical canonical(classes, trie);
    for (std::size_t family = 0; family < 2; ++family)
        canonical.add_family(builders[family], family);
    if (trie.classes.size() > MAX_SOURCE_CLASSES) return too_many_classes();
    for (std::size_t family = 0; family < 2; ++family) survey(trie, family);
    return trie;
}

}  // namespace portlid::policy
