// SPDX-License-Identifier: Apache-2.0
// `portlid apply`, `confirm`, `rollback`, `mode`: another policy or mode, with a way back.
#include <charconv>
#include <filesystem>

#include "base/text.hpp"
#include "cli/change.hpp"
#include "cli/document.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kRolloutGroup = "Rollout";

struct RolloutFlags {
    std::string word;  // FILE, N or MODE
    std::string confirm_within, length, zone, rule;
    bool force = false;
    bool list = false;
};

Json with_guard(const RolloutFlags& flags) {
    Json body = {{"force", flags.force}, {"ssh_connection", ssh_connection()}};
    if (!flags.confirm_within.empty()) body["confirm_within"] = flags.confirm_within;
    return body;
}

Result<ExitCode> apply(Context& context, const RolloutFlags& flags) {
    auto body = with_guard(flags);
    if (!flags.word.empty()) {
        std::error_code failed;
        const auto file = std::filesystem::absolute(flags.word, failed);
        if (failed || !context.backend.exists(file))
            return fail("there is no file " + printable(flags.word), "ls -l", ExitCode::Usage);
        body["file"] = file.lexically_normal().string();
    }
    return change(context, "/v1/apply", body, in_force);
}

Result<ExitCode> confirm(Context& context, const RolloutFlags&) {
    return change(context, "/v1/confirm", Json::object(), in_force);
}

std::string caller_text(const Json& by) {
    const auto pid = text(at(by, "pid"));
    if (pid.empty() || pid == "0") return "the sensor";
    return text(at(by, "user"), "?") + " (uid " + text(at(by, "uid"), "?") + ", pid " + pid + ")";
}

std::string forced_modes(const Json& modes) {
    std::string words;
    for (const auto& one : list(modes)) {
        const auto zone = text(at(one, "zone"));
        const auto rule = text(at(one, "rule"));
        words += (words.empty() ? "" : ", ") + text(at(one, "mode"), "?") +
                 (zone.empty() ? "" : " zone " + zone) + (rule.empty() ? "" : " rule " + rule);
    }
    return words.empty() ? "-" : words;
}

Table generations_table(const Json& document) {
    Table table({{"GENERATION", true},
                 {"STATE"},
                 {"TIME"},
                 {"HOW"},
                 {"BY"},
                 {"FORCED MODES"},
                 {"FILE"},
                 {"TEXT"}});
    for (const auto& one : list(at(document, "items"))) {
        const auto copy = text(at(one, "copy_of"));
        table.add({text(at(one, "generation"), "?"), text(at(one, "state"), "?"),
                   text(at(one, "time"), "-").substr(0, 19) + "Z",
                   text(at(one, "how"), "?") + (copy.empty() ? "" : " to " + copy),
                   caller_text(at(one, "by")), forced_modes(at(one, "modes")),
                   text(at(one, "file"), "-"), text(at(one, "text")).substr(0, 19)});
    }
    return table;
}

Result<ExitCode> show_generations(Context& context) {
    const auto describe = [](const Json& document, OutputFormat format) {
        const auto table = generations_table(document);
        return format == OutputFormat::Csv ? table.csv() : table.aligned(false);
    };
    return show_document(context, "/v1/generations", describe,
                         {OutputFormat::Wide, OutputFormat::Csv});
}

Result<ExitCode> roll_back(Context& context, const RolloutFlags& flags) {
    if (flags.list) return show_generations(context);
    auto body = with_guard(flags);
    if (!flags.word.empty()) {
        std::uint64_t number = 0;
        const auto* end = flags.word.data() + flags.word.size();
        const auto [stop, error] = std::from_chars(flags.word.data(), end, number);
        if (error != std::errc() || stop != end || number == 0)
            return fail("`" + printable(flags.word, 32) + "` is not the number of a generation",
                        "portlid rollback --list", ExitCode::Usage);
        body["generation"] = number;
    }
    return change(context, "/v1/rollback", body, in_force);
}

Result<ExitCode> mode(Context& context, const RolloutFlags& flags) {
    auto body = with_guard(flags);
    body["mode"] = flags.word;
    if (!flags.zone.empty()) body["zone"] = flags.zone;
    if (!flags.rule.empty()) body["rule"] = flags.rule;
    if (!flags.length.empty()) body["for"] = flags.length;
    return change(context, "/v1/mode", body, in_force);
}

void add_window(CLI::App& verb, RolloutFlags& flags) {
    add_duration(verb, "--confirm-within", flags.confirm_within,
                 "Goes back by itself unless `portlid confirm` comes in time");
    verb.add_flag("--force", flags.force, "Even when it would lock you out");
}

}  // namespace

void add_rollout(CLI::App& root, Context& context) {
    auto& applies = add_verb(root, context,
                             {"apply", kRolloutGroup, "Put a policy in force, in one step",
                              "  sudo portlid apply                               the --policy "
                              "file again\n"
                              "  sudo portlid apply new.yaml --confirm-within 2m  goes back unless "
                              "confirmed"});
    auto flags = run_on(applies, context, apply);
    applies.add_option("FILE", flags->word, "The new policy (default: the sensor's own file)");
    add_window(applies, *flags);

    auto& confirms =
        add_verb(root, context,
                 {"confirm", kRolloutGroup, "Keep the policy or mode that waits for it",
                  "  sudo portlid confirm"});
    run_on(confirms, context, confirm);

    auto& rolls = add_verb(root, context,
                           {"rollback", kRolloutGroup, "Go back to an earlier policy",
                            "  sudo portlid rollback      what waits for confirm, else the policy "
                            "before\n"
                            "  sudo portlid rollback 12   generation 12\n"
                            "  portlid rollback --list    what was in force, when, and by whom"});
    flags = run_on(rolls, context, roll_back);
    rolls.add_option("N", flags->word, "A generation (default: the one before)");
    rolls.add_flag("--list", flags->list, "Show the generations that are kept; changes nothing");
    rolls.add_flag("--force", flags->force, "Even when it would lock you out");

    auto& modes = add_verb(
        root, context,
        {"mode", kRolloutGroup, "Promote to enforce, demote to monitor, or drop the override",
         "  sudo portlid mode enforce --rule ssh --confirm-within 2m\n"
         "  sudo portlid mode monitor --for 1h        nothing drops for an hour\n"
         "  sudo portlid mode policy                  what the policy file says"});
    flags = run_on(modes, context, mode);
    add_choice(modes, "MODE", flags->word, "monitor|enforce|policy", "What to do")->required();
    modes.add_option("--zone", flags->zone, "Only in this zone")->type_name("ZONE");
    modes.add_option("--rule", flags->rule, "Only this service, or \"ZONE default\"")
        ->type_name("NAME");
    add_duration(modes, "--for", flags->length, "Ends by itself");
    add_window(modes, *flags);
}

}  // namespace portlid::cli
