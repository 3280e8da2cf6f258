// SPDX-License-Identifier: Apache-2.0
// One round of a differential run: a random policy, host and arrival, the same on every side, and
// what to print when two sides disagree.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "support/native_pipeline.hpp"
#include "support/random_host.hpp"

namespace portlid::test {

// Everything follows from the seed.
struct DifferentialRound {
    std::uint64_t seed = 0;
    std::string policy_text;
    policy::Policy policy;
    policy::CompiledPolicy compiled;
    ReferenceHost host;
    std::map<Cidr, std::uint32_t> networks;
    Arrival arrival;
    Dice dice{0};  // throws the round's frames
    Clock clock = Clock::Kernel;
    std::uint64_t now_ms = kStartMs;
    ReferenceLimits limits;  // the model's

    static constexpr std::uint64_t kStartMs = 1'000'000'000;  // since boot
};

// Null, with `why`, only when the generator wrote a policy that the loader or compiler refuses for
// another reason than leaving no way in: then the generator or the loader is wrong.
[[nodiscard]] std::unique_ptr<DifferentialRound> make_round(std::uint64_t seed, Clock clock,
                                                            std::string& why);

// Time passes too, unless it is the kernel's.
[[nodiscard]] Bytes next_frame(DifferentialRound& round);
// A SYN at a limited service is a try: ask once.
[[nodiscard]] ReferenceAnswer ask_model(DifferentialRound& round, const Bytes& frame);

// The shortest and plainest frame found that still `fails`: cut at the end, then bytes zeroed.
[[nodiscard]] Bytes minimise(Bytes frame, const std::function<bool(const Bytes&)>& fails);

// Seed, policy, arrival, flows and the frame as hex: enough for a packet row.
[[nodiscard]] std::string describe(const DifferentialRound& round, const Bytes& frame);

// PORTLID_FRAMES or the default; PORTLID_SEED or the default.
[[nodiscard]] std::uint64_t wanted_frames(std::uint64_t by_default);
[[nodiscard]] std::uint64_t wanted_seed();

inline constexpr unsigned kFramesPerRound = 300;

}  // namespace portlid::test
