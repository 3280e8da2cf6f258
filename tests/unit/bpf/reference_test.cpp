// SPDX-License-Identifier: Apache-2.0
// The reference model against the hand-written packet rows (so that the model is not merely equal
// to the datapath), and against the pipeline compiled natively over random policies and frames.
#include <gtest/gtest.h>

#include "policy/load.hpp"
#include "policy/routed.hpp"
#include "support/differential.hpp"
#include "support/packet_rows.hpp"

namespace portlid::test {
namespace {

ReferenceHost row_host() {
    using Kind = ReferenceHost::Network::Kind;
    ReferenceHost host;
    const auto tables = row_tables();
    host.own.assign(tables.own.begin(), tables.own.end());
    for (const auto& [prefix, kind] : tables.networks)
        host.networks.push_back({prefix, kind == NETWORK_CONNECTED   ? Kind::Connected
                                         : kind == NETWORK_BROADCAST ? Kind::Broadcast
                                                                     : Kind::Container});
    for (const auto& key : tables.flows)
        host.flows.push_back({IpAddress::from_bytes(key.local), IpAddress::from_bytes(key.remote),
                              key.local_port_host, key.remote_port_host, key.protocol, 0});
    for (const auto& [prefix, deadline] : tables.bans)
        host.bans.push_back({prefix, deadline != BAN_FOR_EVER});
    for (const auto& [key, seen] : tables.existing)
        host.open_flows.push_back(
            {{IpAddress::from_bytes(key.local), IpAddress::from_bytes(key.remote),
              key.local_port_host, key.remote_port_host, key.protocol, 0},
             true});
    return host;
}

TEST(Reference, DecidesEveryPacketRow) {
    const auto outcome = policy::load_text(kRowPolicy, "policy.yaml", ".");
    ASSERT_TRUE(outcome.ok());
    Arrival arrival;
    arrival.mac = kHostMac;
    const auto host = row_host();
    for (const auto& row : packet_rows()) {
        SCOPED_TRACE(row.sentence);
        ReferenceLimits limits;
        const auto answer = judge_slowly(outcome.policy, host, arrival, row.frame, limits, 0);
        EXPECT_EQ(answer.reasons.front(), row.why) << answer.to_string();
        EXPECT_EQ(answer.verdict, row.verdict);
    }
}

struct Tally {
    std::array<std::array<std::uint64_t, VERDICT_COUNT>, REASON_COUNT> seen{};
    [[nodiscard]] bool met(reason why) const {
        return seen[why][VERDICT_allow] + seen[why][VERDICT_drop] + seen[why][VERDICT_would_drop] !=
               0;
    }
};

struct Answers {
    NativeAnswer native;
    ReferenceAnswer model;
    [[nodiscard]] bool agree() const { return model.accepts(native.verdict, native.why); }
};

// Of a service that opens the port, any that does may be named.
bool names_a_service(const DifferentialRound& round, const NativeAnswer& judged) {
    const auto& services = round.policy.services;
    return std::any_of(services.begin(), services.end(), [&](const auto& service) {
        return service.name == round.compiled.rules[judged.rule].name;
    });
}

Answers ask_both(DifferentialRound& round, NativePipeline& native, const Bytes& frame) {
    return {native.judge(round.arrival, frame, round.now_ms), ask_model(round, frame)};
}

void explain(DifferentialRound& round, NativePipeline& native, Bytes frame, const Answers& first) {
    // Not where asking again is a try of its own; and the same disagreement, not just any: zeroed
    // bytes easily bring about another.
    if (!first.model.uses_limit)
        frame = minimise(frame, [&](const Bytes& tried) {
            const auto again = ask_both(round, native, tried);
            return !again.agree() && again.native.why == first.native.why &&
                   again.model.reasons.front() == first.model.reasons.front();
        });
    ADD_FAILURE() << "native says " << word_of(first.native.verdict) << " "
                  << word_of(first.native.why) << ", the model " << first.model.to_string() << "\n"
                  << describe(round, frame);
}

// What no random case here can bring about: see the reason's own tests.
bool out_of_reach(unsigned why) {
    return why == REASON_no_policy;
}

TEST(Reference, AgreesWithTheNativePipelineOnRandomPoliciesAndFrames) {
    const auto frames = wanted_frames(30000);
    auto seed = wanted_seed();
    Tally tally;
    unsigned disagreements = 0;
    std::uint64_t refused_by_a_limit = 0;
    for (std::uint64_t judged = 0; judged < frames && disagreements < 5; ++seed) {
        std::string why;
        const auto round = make_round(seed, Clock::Own, why);
        ASSERT_NE(round, nullptr) << why;
        // No program run by test_run can be given such a packet, so only here.
        round->arrival.tag_taken_off = !round->arrival.layer3 && round->dice.chance(10);
        NativePipeline native(round->compiled, round->host, round->networks, round->now_ms);
        for (unsigned i = 0; i < kFramesPerRound; ++i, ++judged) {
            const auto frame = next_frame(*round);
            const auto answers = ask_both(*round, native, frame);
            ++tally.seen[answers.native.why][answers.native.verdict];
            if (answers.model.uses_limit && answers.native.why == REASON_limited)
                ++refused_by_a_limit;
            EXPECT_TRUE(answers.native.why != REASON_allowed ||
                        names_a_service(*round, answers.native));
            if (answers.agree()) continue;
            explain(*round, native, frame, answers);
            ++disagreements;
            break;
        }
    }
    EXPECT_GT(refused_by_a_limit, frames / 10000);
    for (unsigned why = 0; why < REASON_COUNT; ++why)
        EXPECT_TRUE(out_of_reach(why) || tally.met(static_cast<reason>(why)))
            << "no frame was ever judged " << word_of(static_cast<reason>(why))
            << ": the generators prove nothing about it";
}

// The short way of the ingress programs (lib/plain.h) answers as the long one, or not at all.
TEST(Plain, AnswersAsTheWholePipelineOnRandomPoliciesAndFrames) {
    const auto frames = wanted_frames(30000);
    auto seed = wanted_seed();
    std::map<std::pair<reason, verdict_word>, std::uint64_t> answered;
    for (std::uint64_t judged = 0; judged < frames; ++seed) {
        std::string why;
        const auto round = make_round(seed, Clock::Own, why);
        ASSERT_NE(round, nullptr) << why;
        NativePipeline native(round->compiled, round->host, round->networks, round->now_ms);
        for (unsigned i = 0; i < kFramesPerRound; ++i, ++judged) {
            const auto frame = next_frame(*round);
            const auto plain = native.judge_plain(round->arrival, frame);
            const auto whole = native.judge(round->arrival, frame, round->now_ms);
            if (plain) ++answered[{plain->why, plain->verdict}];
            ASSERT_TRUE(!plain || *plain == whole)
                << "plain says " << word_of(plain->verdict) << " " << word_of(plain->why)
                << ", all of it " << word_of(whole.verdict) << " " << word_of(whole.why) << "\n"
                << describe(*round, frame);
        }
    }
    for (const auto& [why, verdict] :
         {std::pair{REASON_no_service, VERDICT_drop}, std::pair{REASON_allowed, VERDICT_allow},
          std::pair{REASON_source_not_allowed, VERDICT_drop}})
        EXPECT_GT((answered[{why, verdict}]), frames / 2000) << word_of(why);
}

TEST(Routed, OpensWholeSubnetsPartsOfThemAndSeveralAtOnce) {
    const auto cidr = [](const char* text) { return *Cidr::parse(text); };
    std::map<Cidr, std::uint32_t> networks{{cidr("172.17.0.0/16"), NETWORK_CONTAINER},
                                           {cidr("172.18.0.0/16"), NETWORK_CONTAINER},
                                           {cidr("192.0.2.0/24"), NETWORK_CONNECTED},
                                           {cidr("10.1.0.0/16"), NETWORK_CONTAINER}};
    policy::open_routed(networks, {cidr("172.16.0.0/12"), cidr("192.0.2.0/24"), cidr("10.1.2.0/24"),
                                   cidr("203.0.113.0/24")});
    EXPECT_EQ(networks, (std::map<Cidr, std::uint32_t>{{cidr("172.17.0.0/16"), NETWORK_ROUTED},
                                                       {cidr("172.18.0.0/16"), NETWORK_ROUTED},
                                                       {cidr("192.0.2.0/24"), NETWORK_CONNECTED},
                                                       {cidr("10.1.0.0/16"), NETWORK_CONTAINER},
                                                       {cidr("10.1.2.0/24"), NETWORK_ROUTED}}));
}

}  // namespace
}  // namespace portlid::test
