// SPDX-License-Identifier: Apache-2.0
// The single keys of a policy and its shorter lists.
#include <fmt/format.h>

#include <algorithm>

#include "policy/loader.hpp"
#include "policy/values.hpp"

namespace portlid::policy {

namespace {

constexpr std::size_t kMaxFailsafe = 256;
constexpr std::size_t kMaxBindRules = 64;  // bits of a word in the kernel

void append(std::vector<Cidr>& members, std::vector<std::string>& text, Sources sources) {
    members.insert(members.end(), sources.members.begin(), sources.members.end());
    text.insert(text.end(), sources.text.begin(), sources.text.end());
}

void read_source_lists(LoadState& state, const MapReader& root) {
    auto& policy = state.policy;
    if (const auto* node = root.find("management"))
        append(policy.management, policy.management_text,
               read_sources(state, *node, "`management`"));
    if (const auto* node = root.find("deny")) {
        policy.deny_place = node->place;
        append(policy.deny, policy.deny_text, read_sources(state, *node, "`deny`"));
    }
    // [] is what the language page shows for "none".
    if (const auto* node = root.find("routed");
        node != nullptr && !(node->kind == YamlNode::Kind::List && node->items.empty())) {
        policy.routed_place = node->place;
        append(policy.routed, policy.routed_text, read_sources(state, *node, "`routed`"));
    }
}

void read_icmp(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "`icmp`", {"ping"}, state.report);
    const auto* ping = map.find("ping");
    if (ping == nullptr || !only_once(state, "icmp.ping", ping->place)) return;
    state.policy.ping = read_action(*ping, "`ping`", state.report).value_or(Action::Allow);
    state.policy.icmp_place = ping->place;
}

void read_protocols(LoadState& state, const YamlNode& node) {
    auto& known = state.policy.protocols;
    state.policy.protocols_place = node.place;
    read_list(node, "`protocols`", true, state.report, [&](const YamlNode& item) {
        const auto number = read_protocol(item, state.report);
        if (number) known.push_back(*number);
    });
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
}

void read_transit(LoadState& state, const YamlNode& node) {
    if (!only_once(state, "transit", node.place)) return;
    state.policy.transit = read_action(node, "`transit`", state.report).value_or(Action::Allow);
    state.policy.transit_place = node.place;
}

void read_failsafe_rule(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "a failsafe rule", {"ports", "from"}, state.report);
    FailsafeRule rule;
    rule.place = node.place;
    if (const auto* ports = map.need("ports"))
        rule.ports = read_ports(*ports, "`ports`", state.report);
    if (const auto* from = map.find("from")) {
        auto sources = read_sources(state, *from, "`from`");
        rule.from = std::move(sources.members);
        rule.from_text = std::move(sources.text);
        rule.from_any = false;
    } else if (map.ok()) {
        state.report.warn(node.place, "failsafe without `from` opens the port to everybody",
                          "name your own addresses: from: [office]");
    }
    state.policy.failsafe.push_back(std::move(rule));
    if (state.policy.failsafe.size() == kMaxFailsafe + 1)
        state.report.error(node.place, fmt::format("more than {} failsafe rules", kMaxFailsafe),
                           "one rule may name many ports");
}

void read_ceiling(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "a ceiling", {"ports", "from", "for"}, state.report);
    LabelCeiling ceiling;
    ceiling.place = node.place;
    if (const auto* ports = map.need("ports"))
        ceiling.ports = read_ports(*ports, "`ports`", state.report);
    if (const auto* from = map.find("from")) {
        auto sources = read_sources(state, *from, "`from`");
        ceiling.from = std::move(sources.members);
        ceiling.from_text = std::move(sources.text);
        ceiling.from_any = false;
    }
    if (const auto* limit = map.find("for"))
        ceiling.for_at_most = read_duration(*limit, "`for`", state.report);
    state.policy.label_ceiling.push_back(std::move(ceiling));
}

void read_bind_rule(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "a bind rule", {"ports", "owner"}, state.report);
    BindRule rule;
    rule.place = node.place;
    if (const auto* ports = map.need("ports"))
        rule.ports = read_ports(*ports, "`ports`", state.report);
    if (const auto* owner = map.find("owner")) rule.owner = read_owner(state, *owner);
    state.policy.binds_allow.push_back(std::move(rule));
    if (state.policy.binds_allow.size() == kMaxBindRules + 1)
        state.report.error(node.place, fmt::format("more than {} bind rules", kMaxBindRules),
                           "one rule may name many ports");
}

}  // namespace

void read_failsafe(LoadState& state, const YamlNode& node) {
    read_list(node, "`failsafe`", true, state.report, [&](const YamlNode& item) {
        if (state.policy.failsafe.size() <= kMaxFailsafe) read_failsafe_rule(state, item);
    });
}

void read_labels(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "`labels`", {"ceiling"}, state.report);
    state.policy.labels_present = map.ok();
    if (const auto* ceiling = map.need("ceiling"))
        read_list(*ceiling, "`ceiling`", true, state.report,
                  [&](const YamlNode& item) { read_ceiling(state, item); });
}

void read_binds(LoadState& state, const YamlNode& node) {
    const MapReader map(node, "`binds`", {"default", "allow"}, state.report);
    if (const auto* word = map.find("default");
        word != nullptr && only_once(state, "binds.default", word->place)) {
        state.policy.binds_refuse =
            read_word(*word, "`default`", {"record", "refuse"}, state.report).value_or(0) == 1;
    }
    if (const auto* allow = map.find("allow"))
        read_list(*allow, "`allow`", true, state.report,
                  [&](const YamlNode& item) { read_bind_rule(state, item); });
}

void read_rest(LoadState& state, const MapReader& root) {
    read_source_lists(state, root);
    if (const auto* node = root.find("services")) read_services(state, *node);
    if (const auto* node = root.find("icmp")) read_icmp(state, *node);
    if (const auto* node = root.find("protocols")) read_protocols(state, *node);
    if (const auto* node = root.find("transit")) read_transit(state, *node);
    if (const auto* node = root.find("failsafe")) read_failsafe(state, *node);
    if (const auto* node = root.find("labels")) read_labels(state, *node);
    if (const auto* node = root.find("binds")) read_binds(state, *node);
    if (const auto* node = root.find("tests")) read_tests(state, *node);
}

}  // namespace portlid::policy
