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
    for (const auto& [prefix, deadline] : tables.bans) host.banned.push_back(prefix);
    for (const auto& [key, seen] : tables.existing)
        host.open_before.push_back({IpAddress::from_bytes(key.local),
                                    IpAddress::from_bytes(key.remote), key.local_port_host,
                                    key.remote_port_host, key.protocol, 0});
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
        const auto answer = judge_slowly(outcome.policy, host, arrival, row.frame);
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

bool agree(const DifferentialRound& round, const NativePipeline& native, const RandomCase& one,
           Tally* tally = nullptr) {
    const auto model = ask_model(round, one);
    const auto judged = native.judge(round.arrival, one.frame, one.budgets_spent);
    if (tally != nullptr) ++tally->seen[judged.why][judged.verdict];
    if (!model.accepts(judged.verdict, judged.why)) return false;
    // A service that opens the port is named in the event; any of those that do.
    return judged.why != REASON_allowed || !round.compiled.rules[judged.rule].name.empty();
}

// The same disagreement, not just any: zeroed bytes easily bring about another.
void explain(const DifferentialRound& round, const NativePipeline& native, RandomCase one) {
    const auto first = native.judge(round.arrival, one.frame, one.budgets_spent).why;
    const auto wanted = ask_model(round, one).reasons.front();
    one.frame = minimise(one.frame, [&](const Bytes& frame) {
        const RandomCase tried{frame, one.budgets_spent};
        return !agree(round, native, tried) && ask_model(round, tried).reasons.front() == wanted &&
               native.judge(round.arrival, frame, one.budgets_spent).why == first;
    });
    const auto judged = native.judge(round.arrival, one.frame, one.budgets_spent);
    ADD_FAILURE() << "native says " << word_of(judged.verdict) << " " << word_of(judged.why)
                  << ", the model " << ask_model(round, one).to_string() << "\n"
                  << describe(round, one);
}

// What no random case here can bring about: see the reason's own tests.
bool out_of_reach(unsigned why) {
    return why == REASON_no_policy || why == REASON_banned || why == REASON_grandfathered;
}

TEST(Reference, AgreesWithTheNativePipelineOnRandomPoliciesAndFrames) {
    const auto frames = wanted_frames(30000);
    auto seed = wanted_seed();
    Tally tally;
    unsigned disagreements = 0;
    for (std::uint64_t judged = 0; judged < frames && disagreements < 5; ++seed) {
        std::string why;
        const auto round = make_round(seed, why);
        ASSERT_NE(round, nullptr) << why;
        const NativePipeline native(round->compiled, round->host, round->networks);
        for (unsigned i = 0; i < kFramesPerRound; ++i, ++judged) {
            const auto one = next_case(*round);
            if (agree(*round, native, one, &tally)) continue;
            explain(*round, native, one);
            ++disagreements;
            break;
        }
    }
    for (unsigned why = 0; why < REASON_COUNT; ++why)
        EXPECT_TRUE(out_of_reach(why) || tally.met(static_cast<reason>(why)))
            << "no frame was ever judged " << word_of(static_cast<reason>(why))
            << ": the generators prove nothing about it";
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
