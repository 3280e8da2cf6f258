// SPDX-License-Identifier: Apache-2.0
// Asking a policy about packets before it is in force: its own `tests:` and packets from the
// command line, through the native pipeline. Needs no host, no privileges, no daemon.
//
// Every packet is judged as if every rule enforced, as if each owner held its port, and on a host
// that has the address asked for: a test asks who may get in, not what runs today.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/load.hpp"
#include "policy/simulate.hpp"

namespace portlid::policy {

// One question; without `expects` there is no wrong answer.
struct PacketQuestion {
    PolicyTest test;
    bool expects = true;
};

struct TestOutcome {
    PacketQuestion question;
    Judgement judged;
    RuleName rule;  // that decided
    [[nodiscard]] Action verdict() const;
    [[nodiscard]] bool passed() const {
        return !question.expects || verdict() == question.test.expect;
    }
};

struct TestRun {
    std::vector<TestOutcome> outcomes;  // in the order asked
    [[nodiscard]] std::size_t failed() const;
};

// "from 198.51.100.9 to 5432/tcp zone public expect drop". `to` may name an address of the host
// ("192.0.2.1:5432/tcp"); `zone` may be left out when the policy has one, `expect` to be told.
// Fails with exit code 2.
[[nodiscard]] Result<PacketQuestion> parse_packet(const Policy& policy, std::string_view text);

// The policy's own tests as questions.
[[nodiscard]] std::vector<PacketQuestion> own_tests(const Policy& policy);
// Fails when the policy does not compile.
[[nodiscard]] Result<TestRun> run_tests(const Policy& policy,
                                        std::vector<PacketQuestion> questions);
// What comes before every apply: the policy's own tests, and a refusal (exit code 5) that names the
// first ones that fail.
[[nodiscard]] Result<> check_own_tests(const Policy& policy);

// The same policy where every rule enforces and no owner is asked for.
[[nodiscard]] Policy as_if_enforced(const Policy& policy);

// "policy.yaml:31: from 192.0.2.9 to 22/tcp zone public is allow (allowed by ssh at
// policy.yaml:12), expected drop". A question from the command line has no place in front.
[[nodiscard]] std::string describe(const TestOutcome& outcome);

// Reports: lines for people, TAP version 14, and portlid.test/v1 on one line.
struct TestReport {
    const LoadOutcome& loaded;  // its errors, when it is not ok()
    const TestRun& run;
    std::string file;
};
[[nodiscard]] std::string tests_text(const TestReport& report);
[[nodiscard]] std::string tests_tap(const TestReport& report);
[[nodiscard]] std::string tests_json(const TestReport& report);

}  // namespace portlid::policy
