// SPDX-License-Identifier: Apache-2.0
// `portlid policy diff A B`: what the second policy would change, offline.
#include "cli/policy_verbs.hpp"
#include "policy/check.hpp"
#include "policy/diff.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPolicyDiffExamples =
    "  portlid policy diff old.yaml new.yaml              + opens, - closes, ~ other settings\n"
    "  portlid policy diff --exit-code old.yaml new.yaml  10 when they differ\n"
    "  portlid policy diff -o json old.yaml new.yaml      for CI\n"
    "\n"
    "It compares what the policies let in, not their text: two ways to write the same are no\n"
    "change. Ports are compared as if every rule enforced and every owner held its port.";

struct PolicyDiffFlags {
    std::string before;
    std::string after;
    bool exit_code = false;
};

Result<policy::LoadOutcome> load(Context& context, const std::string& file) {
    auto loaded = policy::check_file(file);
    if (loaded.ok()) return loaded;
    context.console.message(policy::check_text(loaded));
    return tl::unexpected<Error>(invalid_policy(file));
}

Result<ExitCode> run_diff(Context& context, const PolicyDiffFlags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const auto before = load(context, flags.before);
    if (!before) return pass_on(before.error());
    const auto after = load(context, flags.after);
    if (!after) return pass_on(after.error());
    const auto changes = policy::diff(before->policy, after->policy);
    if (!changes) return pass_on(changes.error());
    context.console.out(*format == OutputFormat::Table
                            ? policy::diff_text(*changes)
                            : policy::diff_json(*changes, flags.before, flags.after));
    const bool found = flags.exit_code && !changes->empty();
    return context.done(found ? ExitCode::Findings : ExitCode::Ok);
}

}  // namespace

void add_policy_diff(CLI::App& parent, Context& context) {
    auto& verb = add_verb(parent, context,
                          {"diff", "Subcommands", "What another policy opens, closes and changes",
                           kPolicyDiffExamples});
    const auto flags = std::make_shared<PolicyDiffFlags>();
    verb.add_option("A", flags->before, "The policy as it is")->required();
    verb.add_option("B", flags->after, "The policy to compare with")->required();
    verb.add_flag("--exit-code", flags->exit_code, "Exit 10 when they differ");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return run_diff(context, *flags); };
    });
}

}  // namespace portlid::cli
