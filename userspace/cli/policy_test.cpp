// SPDX-License-Identifier: Apache-2.0
// `portlid policy test`: a policy's own tests and packets from the command line, offline.
#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/policy_verbs.hpp"
#include "policy/check.hpp"
#include "policy/policy_tests.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPolicyTestExamples =
    "  portlid policy test my.yaml              the file's own tests:; exit 1 when one fails\n"
    "  portlid policy test my.yaml --packet \"from 198.51.100.9 to 5432/tcp zone public expect "
    "drop\"\n"
    "  portlid policy test my.yaml --packet \"from 2001:db8::9 to [2001:db8::1]:443/tcp\"\n"
    "                                           without expect: says what would happen\n"
    "  portlid policy test -o tap my.yaml       for CI (also -o json)\n"
    "\n"
    "Packets are new flows (a SYN, a datagram), judged as if every rule enforced and every owner\n"
    "held its port. In the file:\n"
    "  tests:\n"
    "    - { from: 198.51.100.9, to: 5432/tcp, zone: public, expect: drop }";

struct PolicyTestFlags {
    std::string file;
    std::vector<std::string> packets;
};

Result<std::vector<policy::PacketQuestion>> questions_of(const policy::Policy& policy,
                                                         const PolicyTestFlags& flags) {
    auto questions = policy::own_tests(policy);
    for (const auto& packet : flags.packets) {
        auto question = policy::parse_packet(policy, packet);
        if (!question) return pass_on(question.error());
        questions.push_back(std::move(*question));
    }
    return questions;
}

void print(Context& context, OutputFormat format, const policy::TestReport& report) {
    if (format == OutputFormat::Json || format == OutputFormat::JsonLines)
        context.console.out(policy::tests_json(report));
    else if (format == OutputFormat::Tap)
        context.console.out(policy::tests_tap(report));
    else
        context.console.out(policy::tests_text(report));
}

// What to type to see why the first one failed.
Result<ExitCode> refuse(const policy::TestRun& run, const std::string& file) {
    const auto first = std::find_if(run.outcomes.begin(), run.outcomes.end(),
                                    [](const auto& outcome) { return !outcome.passed(); });
    const auto& test = first->question.test;
    const auto target = test.address ? policy::target_text(test) : ":" + policy::to_string(test.to);
    return fail(fmt::format("{} of {} tests failed", run.failed(), run.outcomes.size()),
                fmt::format("portlid explain {} to {} --offline --zone {} --policy {}",
                            test.from.to_string(), target, test.zone, printable(file)));
}

Result<ExitCode> run_test_verb(Context& context, const PolicyTestFlags& flags) {
    const auto format = context.format(
        {OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines, OutputFormat::Tap});
    if (!format) return pass_on(format.error());
    const auto loaded = policy::check_file(flags.file);
    if (!loaded.ok()) {
        context.console.message(policy::check_text(loaded));
        if (*format != OutputFormat::Table) print(context, *format, {loaded, {}, flags.file});
        return tl::unexpected<Error>(invalid_policy(flags.file));
    }
    auto questions = questions_of(loaded.policy, flags);
    if (!questions) return pass_on(questions.error());
    if (questions->empty())
        context.console.message(
            "portlid: " + printable(flags.file) +
            " has no tests\n  next: add tests: [{ from: 198.51.100.9, to: 5432/tcp, zone: " +
            loaded.policy.zones.front().name + ", expect: drop }]\n");
    const auto run = policy::run_tests(loaded.policy, std::move(*questions));
    if (!run) return pass_on(run.error());
    print(context, *format, {loaded, *run, flags.file});
    return run->failed() == 0 ? context.done() : refuse(*run, flags.file);
}

}  // namespace

void add_policy_test(CLI::App& parent, Context& context) {
    auto& verb = add_verb(parent, context,
                          {"test", "Subcommands", "Run a policy's own tests, and ask about packets",
                           kPolicyTestExamples});
    const auto flags = std::make_shared<PolicyTestFlags>();
    verb.add_option("FILE", flags->file, "The policy")->required();
    verb.add_option("--packet", flags->packets,
                    "\"from ADDR to [ADDR:]PORT/PROTO [zone ZONE] [expect allow|drop]\" (repeat)")
        ->type_name("PACKET")
        ->allow_extra_args(false);
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return run_test_verb(context, *flags); };
    });
}

}  // namespace portlid::cli
