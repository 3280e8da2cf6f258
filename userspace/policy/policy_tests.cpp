// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_tests.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/loader.hpp"

namespace portlid::policy {

namespace {

constexpr const char* kExample =
    "portlid policy test FILE --packet \"from 198.51.100.9 to 5432/tcp zone public expect drop\"";
constexpr std::size_t kMaxPacketBytes = 1024;

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (c != ' ' && c != '\t') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::move(word));
            word.clear();
        }
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

tl::unexpected<Error> misunderstood(std::string_view text, const std::string& why,
                                    const std::string& hint = {}) {
    return fail(fmt::format("packet {}: {}", quote(text), why), hint.empty() ? kExample : hint,
                ExitCode::Usage);
}

// The words as a map node, so that the policy's own reader judges them.
Result<YamlNode> node_of(std::string_view text) {
    const auto words = words_of(text);
    if (words.empty() || words.size() % 2 != 0 || text.size() > kMaxPacketBytes)
        return misunderstood(text, "say from, to, zone and expect, each with its value");
    YamlNode node;
    node.kind = YamlNode::Kind::Map;
    for (std::size_t i = 0; i < words.size(); i += 2) {
        if (node.find(words[i]) != nullptr)
            return misunderstood(text, fmt::format("{} is said twice", quote(words[i])));
        node.keys.push_back({words[i], {}});
        YamlNode value;
        value.kind = YamlNode::Kind::Scalar;
        value.text = words[i + 1];
        node.items.push_back(std::move(value));
    }
    return node;
}

void add_expectation(YamlNode& node) {
    node.keys.push_back({"expect", {}});
    YamlNode value;
    value.kind = YamlNode::Kind::Scalar;
    value.text = "drop";
    node.items.push_back(std::move(value));
}

unsigned zone_index(const Policy& policy, const std::string& name) {
    for (unsigned i = 0; i < policy.zones.size(); ++i)
        if (policy.zones[i].name == name) return i;
    return 0;  // the loader let no other name in
}

TestOutcome judge(const Policy& policy, const CompiledPolicy& compiled, PacketQuestion question) {
    const auto& test = question.test;
    HostTables tables;
    if (test.address) tables.own.insert(*test.address);
    Probe probe;
    probe.zone = zone_index(policy, test.zone);
    probe.protocol = static_cast<std::uint8_t>(test.to.protocol);
    probe.source = test.from;
    probe.destination = test.address.value_or(IpAddress::any(test.from.family()));
    probe.port = {test.to.first_host};
    const auto judged = judge_probe(compiled, tables, probe);
    const auto rule =
        judged.rule < compiled.rules.size() ? compiled.rules[judged.rule] : compiled.rules.front();
    return {std::move(question), judged, rule};
}

}  // namespace

Action TestOutcome::verdict() const {
    return judged.verdict == VERDICT_allow ? Action::Allow : Action::Drop;
}

std::size_t TestRun::failed() const {
    return static_cast<std::size_t>(std::count_if(
        outcomes.begin(), outcomes.end(), [](const auto& outcome) { return !outcome.passed(); }));
}

Result<PacketQuestion> parse_packet(const Policy& policy, std::string_view text) {
    auto node = node_of(text);
    if (!node) return pass_on(node.error());
    PacketQuestion question;
    question.expects = node->find("expect") != nullptr;
    if (!question.expects) add_expectation(*node);
    LoadState state;
    state.policy.zones = policy.zones;
    YamlNode list;
    list.kind = YamlNode::Kind::List;
    list.items.push_back(std::move(*node));
    read_tests(state, list);
    if (state.report.has_errors()) {
        const auto problem = state.report.take().front();
        return misunderstood(text, problem.message, problem.hint);
    }
    question.test = std::move(state.policy.tests.front());
    return question;
}

std::vector<PacketQuestion> own_tests(const Policy& policy) {
    std::vector<PacketQuestion> questions;
    for (const auto& test : policy.tests) questions.push_back({test, true});
    return questions;
}

Policy as_if_enforced(const Policy& policy) {
    auto copy = policy;
    copy.mode = Mode::Enforce;
    for (auto& zone : copy.zones) zone.mode.reset();
    for (auto& service : copy.services) {
        service.mode.reset();
        service.owner.reset();
    }
    return copy;
}

Result<TestRun> run_tests(const Policy& policy, std::vector<PacketQuestion> questions) {
    TestRun run;
    if (questions.empty()) return run;
    const auto compiled = compile(as_if_enforced(policy));
    if (!compiled) return pass_on(compiled.error());
    run.outcomes.reserve(questions.size());
    for (auto& question : questions)
        run.outcomes.push_back(judge(policy, *compiled, std::move(question)));
    return run;
}

Result<> check_own_tests(const Policy& policy) {
    constexpr std::size_t kMaxNamed = 5;
    const auto run = run_tests(policy, own_tests(policy));
    if (!run) return pass_on(run.error());
    const auto failed = run->failed();
    if (failed == 0) return {};
    auto message = fmt::format("{} of the policy's {} tests fail", failed, run->outcomes.size());
    std::size_t named = 0;
    for (const auto& outcome : run->outcomes)
        if (!outcome.passed() && named++ < kMaxNamed) message += "\n  " + describe(outcome);
    return fail(std::move(message), "portlid policy test " + printable(policy.file),
                ExitCode::PolicyInvalid);
}

}  // namespace portlid::policy
