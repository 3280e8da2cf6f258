// SPDX-License-Identifier: Apache-2.0
#include "policy/compile.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "policy/plan.hpp"
#include "policy/show.hpp"

namespace portlid::policy {

static_assert(std::is_trivially_copyable_v<policy_image>);

namespace {

// "policy.yaml:6": as somebody in the policy's own directory would name it.
std::string source_text(const Policy& policy, const Place& place) {
    if (place.line == 0) return "built-in";
    const auto slash = policy.file.rfind('/');
    const auto directory = slash == std::string::npos ? "" : policy.file.substr(0, slash + 1);
    std::string_view file = place.file;
    if (!directory.empty() && file.substr(0, directory.size()) == directory)
        file.remove_prefix(directory.size());
    return printable(file) + ":" + std::to_string(place.line);
}

std::string_view bytes_of(const void* data, std::size_t size) {
    return {static_cast<const char*>(data), size};
}

// The normal form covers what the image does not hold: interfaces, binds, label ceilings.
std::string hash_of(const CompiledPolicy& compiled, const Policy& policy) {
    std::string parts = sha256(bytes_of(compiled.image.get(), sizeof(policy_image)));
    parts += sha256(bytes_of(compiled.nodes.data(), compiled.nodes.size() * sizeof(trie_node)));
    for (const auto& rule : compiled.rules) parts += rule.name + '\n';
    parts += show(policy, ShowTests::No);
    return sha256(parts);
}

}  // namespace

std::uint16_t DecisionTable::add(const decision& value) {
    const Key key{value.rule,    value.reason,   value.allow,
                  value.enforce, value.failsafe, value.condition};
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (next_ >= MAX_DECISIONS) return 0;
    image_.decisions[next_] = value;
    known_.emplace(key, next_);
    return next_++;
}

std::uint16_t ConditionTable::add(const condition& value) {
    const std::tuple key{value.key, value.otherwise, value.then};
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (next_ >= MAX_CONDITIONS) return 0;
    image_.conditions[next_] = value;
    known_.emplace(key, next_);
    return next_++;
}

bool in_zone(const Service& service, const std::string& zone) {
    const auto& zones = service.zones;
    return zones.empty() || std::find(zones.begin(), zones.end(), zone) != zones.end();
}

std::uint64_t name_hash(const std::string& name) {
    constexpr std::size_t kPrefix = sizeof("sha256:") - 1;
    std::uint64_t value = 0;
    const auto digest = sha256(name);
    std::from_chars(digest.data() + kPrefix, digest.data() + kPrefix + 16, value, 16);
    return value;
}

Plan::Plan(const Policy& wanted, CompileOptions wanted_options)
    : policy(wanted),
      options(wanted_options),
      out{std::make_unique<policy_image>(), {}, {}, {}, {}, {}, {}},
      decisions(*out.image),
      conditions(*out.image) {
    out.rules.push_back({"built-in", "built-in"});
    out.image->head.abi_version = PORTLID_ABI_VERSION;
}

std::uint16_t Plan::add_rule(const std::string& name, const Place& place) {
    out.rules.push_back({name, source_text(policy, place)});
    return static_cast<std::uint16_t>(out.rules.size() - 1);
}

Result<CompiledPolicy> compile(const Policy& policy, CompileOptions options, Place* refused_at) {
    Plan plan(policy, options);
    for (const auto step :
         {plan_sources, plan_destinations, plan_zones, plan_modes, plan_limits, plan_ports})
        if (auto done = step(plan); !done) {
            if (refused_at != nullptr) *refused_at = plan.refused_at;
            return pass_on(done.error(), "compile the policy");
        }
    plan.out.hash = hash_of(plan.out, policy);
    return std::move(plan.out);
}

bool enforces(const policy_image& image) {
    const auto* zones = image.zones;
    const auto* first = image.decisions;
    return std::any_of(zones, zones + image.head.zone_count,
                       [](const zone_rules& zone) { return zone.enforce != 0; }) ||
           std::any_of(first, first + image.head.decision_count, [](const decision& value) {
               return value.allow == 0 && value.enforce != 0;
           });
}

}  // namespace portlid::policy
