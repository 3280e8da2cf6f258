// SPDX-License-Identifier: Apache-2.0
// One frame through the pipeline compiled natively and through the reference model: no byte read
// beyond the frame, and the same verdict.
//
// Input: byte 0 picks the policy and host (by seed), byte 1 how the frame came in, the rest is it.
#include <vector>

#include "fuzz.hpp"
#include "support/differential.hpp"

namespace {

using portlid::test::DifferentialRound;

constexpr unsigned kRounds = 16;

struct Prepared {
    std::unique_ptr<DifferentialRound> round;
    std::unique_ptr<portlid::test::NativePipeline> native;
};

Prepared prepare(std::uint64_t seed) {
    Prepared out;
    std::string why;
    out.round = portlid::test::make_round(seed, portlid::test::Clock::Own, why);
    portlid::fuzz::promise(out.round != nullptr, why.c_str());
    auto& round = *out.round;
    out.native = std::make_unique<portlid::test::NativePipeline>(round.compiled, round.host,
                                                                 round.networks, round.now_ms);
    return out;
}

Prepared& prepared(std::uint8_t which) {
    static std::vector<Prepared> all;
    while (all.size() < kRounds) all.push_back(prepare(100 + all.size()));
    return all[which % kRounds];
}

void set_arrival(DifferentialRound& round, std::uint8_t bits) {
    auto& arrival = round.arrival;
    arrival.layer3 = (bits & 1U) != 0;
    arrival.tag_taken_off = !arrival.layer3 && (bits & 2U) != 0;
    arrival.force_monitor = (bits & 4U) != 0;
    round.host.budgets_spent = (bits & 8U) != 0;
    arrival.mac = (bits & 16U) != 0 ? std::array<std::uint8_t, 6>{} : portlid::test::kHostMac;
    arrival.zone = (bits >> 5U) % round.policy.zones.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    auto& [round_of_seed, native] = prepared(data[0]);
    auto& round = *round_of_seed;
    set_arrival(round, data[1]);
    native->spend_budgets(round.host.budgets_spent);
    const portlid::test::Bytes frame(data + 2, data + size);  // exactly as long as it is
    const auto judged = native->judge(round.arrival, frame, round.now_ms);
    const auto model = portlid::test::ask_model(round, frame);
    if (model.uses_limit) {  // every input is the first try, here and there
        native->forget_tries();
        round.limits = {};
    }
    if (model.accepts(judged.verdict, judged.why)) return 0;
    const auto text = "native " + std::string(portlid::test::word_of(judged.verdict)) + " " +
                      portlid::test::word_of(judged.why) + ", model " + model.to_string() + "\n" +
                      portlid::test::describe(round, frame);
    portlid::fuzz::promise(false, text.c_str());
    return 0;
}
