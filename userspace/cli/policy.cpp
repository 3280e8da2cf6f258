// SPDX-License-Identifier: Apache-2.0
// `portlid policy check|show`: files in, no daemon, no privileges.
#include "policy/check.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/policy_verbs.hpp"
#include "policy/show.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPolicyExamples =
    "  portlid policy check /etc/portlid/policy.yaml\n"
    "  portlid policy show my.yaml\n"
    "  portlid policy test my.yaml";
constexpr const char* kCheckExamples =
    "  portlid policy check my.yaml             file:line:col, what, why; exit 5 when invalid\n"
    "  portlid policy check --strict my.yaml    warnings are errors\n"
    "  portlid policy check -o json my.yaml     for editors and CI";
constexpr const char* kShowExamples =
    "  portlid policy show my.yaml              includes merged, defaults written out";

struct PolicyFlags {
    std::string file;
    bool strict = false;
};

std::string outcome_summary(const policy::LoadOutcome& outcome, const std::string& file) {
    const auto warnings = outcome.diagnostics.size();
    return fmt::format("{}: ok, {} zones, {} services, mode {}{}\n", printable(file),
                       outcome.policy.zones.size(), outcome.policy.services.size(),
                       policy::to_string(outcome.policy.mode),
                       warnings == 0 ? "" : fmt::format(", {} warnings", warnings));
}

Result<ExitCode> check(Context& context, const PolicyFlags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const auto outcome = policy::check_file(flags.file, {.strict = flags.strict});
    if (*format == OutputFormat::Table) {
        context.console.message(policy::check_text(outcome));
        if (!outcome.ok()) return tl::unexpected<Error>(invalid_policy(flags.file));
        context.console.out(outcome_summary(outcome, flags.file));
        return context.done();
    }
    auto document = policy::check_json(outcome);
    if (document.empty() || document.back() != '\n') document += "\n";
    context.console.out(document);
    return context.done(outcome.ok() ? ExitCode::Ok : ExitCode::PolicyInvalid);
}

Result<ExitCode> show_policy(Context& context, const PolicyFlags& flags) {
    if (const auto format = context.format({OutputFormat::Table}); !format)
        return pass_on(format.error());
    const auto outcome = policy::check_file(flags.file);
    if (!outcome.ok()) {
        context.console.message(policy::check_text(outcome));
        return tl::unexpected<Error>(invalid_policy(flags.file));
    }
    context.console.out(policy::show(outcome.policy));
    return context.done();
}

void add_file_verb(CLI::App& parent, Context& context, const VerbText& verb_text,
                   Result<ExitCode> (*action)(Context&, const PolicyFlags&), bool with_strict) {
    auto& verb = add_verb(parent, context, verb_text);
    const auto flags = std::make_shared<PolicyFlags>();
    verb.add_option("FILE", flags->file, "The policy")->required();
    if (with_strict) verb.add_flag("--strict", flags->strict, "Warnings are errors");
    verb.callback([flags, action, &context] {
        context.action = [flags, action, &context] { return action(context, *flags); };
    });
}

}  // namespace

void add_policy(CLI::App& root, Context& context) {
    auto& parent = add_verb(
        root, context, {"policy", "Policy", "Check, show and test policy files", kPolicyExamples});
    add_file_verb(parent, context,
                  {"check", "Subcommands", "Say whether a policy is valid, and where it is not",
                   kCheckExamples},
                  &check, true);
    add_file_verb(parent, context,
                  {"show", "Subcommands", "Print a policy in its normal form", kShowExamples},
                  &show_policy, false);
    add_policy_test(parent, context);
    add_policy_diff(parent, context);
    add_policy_schema(parent, context);
    add_policy_export(parent, context);
}

Error invalid_policy(const std::string& file) {
    return {"the policy " + printable(file) + " is invalid",
            "correct it and run: portlid policy check " + printable(file), ExitCode::PolicyInvalid,
            0};
}

}  // namespace portlid::cli
