// SPDX-License-Identifier: Apache-2.0
// `portlid plan FILE`: what a policy would change of the one in force.
#include "base/text.hpp"
#include "cli/document.hpp"
#include "cli/history_client.hpp"
#include "cli/policy_verbs.hpp"
#include "cli/replay_view.hpp"
#include "policy/check.hpp"
#include "policy/diff.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPlanExamples =
    "  portlid plan new.yaml               + opens, - closes, ~ other settings\n"
    "  portlid plan new.yaml --replay 7d   and whom it would have cut in the last week\n"
    "  portlid plan new.yaml --exit-code   10 when it changes anything\n"
    "\n"
    "It compares with the policy that the sensor has in force, without what was changed at run\n"
    "time (mode, allow, set, ban): that stays as it is under the new one.";

struct PlanFlags {
    std::string file;
    std::string replay;
    bool exit_code = false;
};

// One line: the document of the diff, and what the replay found.
Result<std::string> with_replay(const std::string& document, const learn::Replayed& replayed,
                                WallTime since) {
    auto whole = parse_document(document);
    if (!whole) return pass_on(whole.error());
    (*whole)["replay"] = learn::replay_json(replayed, since);
    return whole->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<learn::Replayed> replay(Context& context, const policy::Policy& now,
                               const policy::Policy& next, WallTime since) {
    auto replay = learn::Replay::make(now, next);
    if (!replay) return pass_on(replay.error());
    auto read = read_flows(context, since, [&](const auto& flow) { replay->add(flow); });
    if (!read) return pass_on(read.error());
    return replay->finish();
}

Result<ExitCode> plan(Context& context, const PlanFlags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    const auto next = policy::check_file(flags.file);
    if (!next.ok()) {
        context.console.message(policy::check_text(next));
        return tl::unexpected<Error>(invalid_policy(flags.file));
    }
    const auto now = policy_in_force(context);
    if (!now) return pass_on(now.error());
    const auto changes = policy::diff(now->policy, next.policy);
    if (!changes) return pass_on(changes.error());
    auto shown = *format == OutputFormat::Table
                     ? policy::diff_text(*changes)
                     : policy::diff_json(*changes, now->name, flags.file);
    bool differs = !changes->empty();
    if (!flags.replay.empty()) {
        const auto since = ago(flags.replay);
        const auto replayed = replay(context, now->policy, next.policy, since);
        if (!replayed) return pass_on(replayed.error());
        differs |= !replayed->changed.empty();
        if (*format == OutputFormat::Table) {
            shown +=
                replay_text(*replayed, flags.replay, context.color(), context.console.out_width());
        } else {
            auto whole = with_replay(shown, *replayed, since);
            if (!whole) return pass_on(whole.error());
            shown = std::move(*whole);
        }
    }
    context.console.out(shown);
    return context.done(flags.exit_code && differs ? ExitCode::Findings : ExitCode::Ok);
}

}  // namespace

void add_plan(CLI::App& root, Context& context) {
    auto& verb =
        add_verb(root, context,
                 {"plan", "Rollout", "What a policy would open, close and change", kPlanExamples});
    const auto flags = std::make_shared<PlanFlags>();
    verb.add_option("FILE", flags->file, "The new policy")->required();
    add_duration(verb, "--replay", flags->replay, "Judge the flows of this time again");
    verb.add_flag("--exit-code", flags->exit_code, "Exit 10 when it changes anything");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return plan(context, *flags); };
    });
}

}  // namespace portlid::cli
