// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/plan.hpp"
#include "policy/source_paths.hpp"

namespace portlid::policy {

namespace {

void write_flags(Plan& plan) {
    auto& image = plan.image();
    for (std::size_t id = 0; id < plan.trie.classes.size(); ++id) {
        unsigned flags = 0;
        if (plan.deny && plan.trie.contains(id, *plan.deny)) flags |= SOURCE_DENIED;
        if (plan.management && plan.trie.contains(id, *plan.management)) flags |= SOURCE_MANAGEMENT;
        image.source_class_flags[id] = static_cast<std::uint8_t>(flags);
        if ((flags & SOURCE_DENIED) != 0) image.head.flags |= IMAGE_HAS_DENY;
    }
}

SourceGroups collect_groups(Plan& plan) {
    SourceGroups groups;
    const auto& policy = plan.policy;
    if (!policy.deny.empty()) plan.deny = groups.add(policy.deny);
    if (!policy.management.empty()) plan.management = groups.add(policy.management);
    for (const auto& service : policy.services) {
        auto& from = plan.service_from.emplace_back();
        if (!service.from_any) from = groups.add(service.from);
        auto& exempt = plan.limit_exempt.emplace_back();
        if (service.limit && !service.limit->exempt_members.empty())
            exempt = groups.add(service.limit->exempt_members);
    }
    for (const auto& rule : policy.failsafe) {
        auto& from = plan.failsafe_from.emplace_back();
        if (!rule.from_any) from = groups.add(rule.from);
    }
    return groups;
}

// The class of most of a node's sixteen ways; the number 0 where none of them is decided here.
std::uint16_t commonest_class(const trie_node& node) {
    std::uint16_t best = 0;
    std::ptrdiff_t most = 0;
    for (const auto entry : node.child) {
        if ((entry & TRIE_LEAF) == 0) continue;
        const auto count = std::count(std::begin(node.child), std::end(node.child), entry);
        if (count <= most) continue;
        most = count;
        best = static_cast<std::uint16_t>(entry & ~TRIE_LEAF);
    }
    return best;
}

trie_root root_of(const SourceTrie& trie, std::uint32_t entry, std::uint32_t packed) {
    if ((entry & TRIE_LEAF) != 0) return {0, static_cast<std::uint16_t>(entry & ~TRIE_LEAF), 0};
    const auto& node = trie.nodes[entry];
    trie_root root{packed, commonest_class(node), 0};
    for (unsigned nibble = 0; nibble < TRIE_FANOUT; ++nibble)
        if (node.child[nibble] != (TRIE_LEAF | root.class_id))
            root.below = static_cast<std::uint16_t>(root.below | 1U << nibble);
    return root;
}

void write_roots(const SourceTrie& trie, const PackedTrie& packed, std::size_t family,
                 trie_root* to) {
    const auto& entries = trie.roots[family];
    std::transform(entries.begin(), entries.end(), packed.roots[family].begin(), to,
                   [&](std::uint32_t entry, std::uint32_t as) { return root_of(trie, entry, as); });
}

}  // namespace

Result<> plan_sources(Plan& plan) {
    auto trie = build_source_trie(collect_groups(plan));
    if (!trie) return pass_on(trie.error());
    plan.trie = std::move(*trie);
    auto& image = plan.image();
    auto packed = pack(plan.trie);
    write_roots(plan.trie, packed, 0, image.source_root_v4);
    write_roots(plan.trie, packed, 1, image.source_root_v6);
    image.head.source_classes = static_cast<std::uint32_t>(plan.trie.classes.size());
    write_flags(plan);
    plan.out.nodes = std::move(packed.nodes);
    plan.trie.nodes = std::vector<trie_node>();  // their memory is given back
    plan.out.classes = plan.trie.present;
    plan.out.unlisted_class = plan.trie.unlisted;
    return {};
}

}  // namespace portlid::policy
