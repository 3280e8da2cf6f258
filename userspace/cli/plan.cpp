// SPDX-License-Identifier: Apache-2.0
// `portlid plan FILE`: what a policy would change of the one in force.
#include "base/text.hpp"
#include "cli/document.hpp"
#include "cli/policy_verbs.hpp"
#include "policy/check.hpp"
#include "policy/diff.hpp"
#include "policy/load.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kExamples =
    "  portlid plan new.yaml               + opens, - closes, ~ other settings\n"
    "  portlid plan new.yaml --exit-code   10 when it changes anything\n"
    "\n"
    "It compares with the policy that the sensor has in force, without what was changed at run\n"
    "time (mode, allow, set, ban): that stays as it is under the new one.";

struct Flags {
    std::string file;
    std::string replay;
    bool exit_code = false;
};

struct InForce {
    policy::Policy policy;
    std::string name;  // "generation 12"
};

Result<InForce> ask_daemon(Context& context) {
    const auto document = get_document(context, "/v1/policy");
    if (!document) return pass_on(document.error());
    const auto name = "generation " + text(at(*document, "generation"), "?");
    const auto& whole = at(*document, "text");
    auto loaded = policy::load_text(whole.is_string() ? whole.get<std::string>() : "", name, ".");
    if (!loaded.ok())
        return fail(
            "the sensor's policy cannot be read: " + policy::to_string(loaded.diagnostics.front()),
            "portlid version, on both sides");
    return InForce{std::move(loaded.policy), name};
}

Result<ExitCode> plan(Context& context, const Flags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    if (!flags.replay.empty())
        return fail("portlid plan --replay is not built yet in this version",
                    "portlid events --verdict would_drop shows what a policy would have dropped",
                    ExitCode::Usage);
    const auto next = policy::check_file(flags.file);
    if (!next.ok()) {
        context.console.message(policy::check_text(next));
        return tl::unexpected<Error>(invalid_policy(flags.file));
    }
    const auto now = ask_daemon(context);
    if (!now) return pass_on(now.error());
    const auto changes = policy::diff(now->policy, next.policy);
    if (!changes) return pass_on(changes.error());
    context.console.out(*format == OutputFormat::Table
                            ? policy::diff_text(*changes)
                            : policy::diff_json(*changes, now->name, flags.file));
    const bool found = flags.exit_code && !changes->empty();
    return context.done(found ? ExitCode::Findings : ExitCode::Ok);
}

}  // namespace

void add_plan(CLI::App& root, Context& context) {
    auto& verb =
        add_verb(root, context,
                 {"plan", "Rollout", "What a policy would open, close and change", kExamples});
    const auto flags = std::make_shared<Flags>();
    verb.add_option("FILE", flags->file, "The new policy")->required();
    add_duration(verb, "--replay", flags->replay, "Judge the flows of this time again");
    verb.add_flag("--exit-code", flags->exit_code, "Exit 10 when it changes anything");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return plan(context, *flags); };
    });
}

}  // namespace portlid::cli
