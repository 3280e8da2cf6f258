// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/plan.hpp"

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

}  // namespace

Result<> plan_sources(Plan& plan) {
    auto trie = build_source_trie(collect_groups(plan));
    if (!trie) return pass_on(trie.error());
    plan.trie = std::move(*trie);
    auto& image = plan.image();
    std::copy(plan.trie.roots[0].begin(), plan.trie.roots[0].end(), image.source_root_v4);
    std::copy(plan.trie.roots[1].begin(), plan.trie.roots[1].end(), image.source_root_v6);
    image.head.source_classes = static_cast<std::uint32_t>(plan.trie.classes.size());
    write_flags(plan);
    plan.out.nodes = std::move(plan.trie.nodes);
    plan.out.classes = plan.trie.present;
    plan.out.unlisted_class = plan.trie.unlisted;
    return {};
}

}  // namespace portlid::policy
