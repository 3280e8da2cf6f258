// SPDX-License-Identifier: Apache-2.0
// Runs cases through BPF_PROG_TEST_RUN behind the same wrapper, in turns, and keeps the samples.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/bench_abi.h"
#include "bench/results.hpp"
#include "bench/subject.hpp"
#include "support/packet.hpp"

namespace portlid::bench {

// What every timed packet of a case must get. Where the list overlaps with random sources, up to
// 1 - `share` of them may get `allowed` instead.
struct Expected {
    unsigned reason = 0;
    unsigned verdict = 0;
    double share = 1.0;
};

struct Case {
    std::string id;
    std::string sentence;
    test::Bytes frame;
    wrap_config config{};
    int program = -1;
    bool frags = true;           // of the program: decides which wrapper fits
    std::uint32_t ifindex = 0;   // 0: test_run's own device
    Portlid* portlid = nullptr;  // whose counters say what was decided
    std::optional<Expected> expected;
    std::uint32_t returns = 0;  // XDP_DROP or XDP_PASS; checked on single packets
};

struct RunOptions {
    unsigned rounds = 11;
    double sample_ms = 20;
};

class Runner {
public:
    [[nodiscard]] static Result<Runner> open();

    // Sends single packets and a burst, and fails unless the case does what it says.
    [[nodiscard]] Result<> check(const Case& wanted) const;
    // All cases in turns, `rounds` times; rows are appended in the order of the cases. Where one of
    // them is the section's yardstick, every sample has one of the yardstick before and one behind
    // it: a machine that changes its speed changes both. A case whose packets get another verdict
    // while it is timed fails the run.
    [[nodiscard]] Result<> measure(const std::vector<Case>& cases, const RunOptions& options,
                                   Section& section) const;
    [[nodiscard]] const Object& object() const { return object_; }

private:
    struct Sample {
        double ns = 0;  // of thread CPU time, a packet
        std::uint32_t returned = 0;
    };
    struct Samples {
        std::vector<double> ns;
        std::vector<double> relative;  // to the yardstick around it
    };
    explicit Runner(Object object) : object_(std::move(object)) {}
    [[nodiscard]] Result<Sample> run(const Case& wanted, std::uint32_t packets) const;
    [[nodiscard]] Result<double> timed(const Case& wanted, std::uint32_t packets) const;
    [[nodiscard]] Result<> prepare(const Case& wanted) const;
    [[nodiscard]] Result<double> prepared_and_timed(const Case& wanted,
                                                    std::uint32_t packets) const;
    [[nodiscard]] Result<std::vector<std::uint32_t>> packets_of(const std::vector<Case>& cases,
                                                                double sample_ms) const;
    [[nodiscard]] Result<> round(const std::vector<Case>& cases,
                                 const std::vector<std::uint32_t>& packets, const Case* yardstick,
                                 std::vector<Samples>& samples) const;

    Object object_;
};

}  // namespace portlid::bench
