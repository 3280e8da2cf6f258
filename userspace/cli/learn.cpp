// SPDX-License-Identifier: Apache-2.0
// `portlid learn`: the smallest policy that allows what was seen, each service with its evidence.
#include <fmt/format.h>

#include "cli/history_client.hpp"
#include "learn/learn.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kLearnExamples =
    "  portlid learn --since 7d > learnt.yaml    what came in in the last week\n"
    "  portlid policy check learnt.yaml\n"
    "  portlid plan learnt.yaml --replay 7d      whom it would cut\n"
    "\n"
    "Zones, sets, failsafe and the rest stay as they are in force; the services are made anew "
    "from\n"
    "what was used. Scanners, and sources that never sent a second packet, are not use.";

struct LearnFlags {
    std::string since = "7d";
};

Result<ExitCode> show_learnt(Context& context, const LearnFlags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const auto in_force = policy_in_force(context);
    if (!in_force) return pass_on(in_force.error());
    const auto since = ago(flags.since);
    learn::Learner learner(in_force->policy);
    if (auto read = read_flows(context, since, [&](const auto& flow) { learner.add(flow); }); !read)
        return pass_on(read.error());
    const auto learnt = learner.finish();
    if (learnt.services.empty())
        return fail(fmt::format("nothing was used in the last {}: {} recorded flows, {} scanners, "
                                "{} probes",
                                flags.since, learnt.flows, learnt.scanners_total, learnt.probes),
                    "let it watch for longer: portlid run --mode monitor, then portlid learn "
                    "--since 7d");
    const auto text = learn::policy_text(in_force->policy, learnt, since, wall_now());
    if (!text) return pass_on(text.error());
    context.console.out(*format == OutputFormat::Table ? *text
                                                       : learn::learn_json(learnt, *text, since));
    return context.done();
}

}  // namespace

void add_learn(CLI::App& root, Context& context) {
    auto& verb = add_verb(
        root, context,
        {"learn", "Rollout", "The smallest policy that allows what was seen", kLearnExamples});
    const auto flags = std::make_shared<LearnFlags>();
    add_duration(verb, "--since", flags->since, "How far back (default 7d)");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return show_learnt(context, *flags); };
    });
}

}  // namespace portlid::cli
