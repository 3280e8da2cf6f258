// SPDX-License-Identifier: Apache-2.0
// `portlid ban`, `unban`, `bans`.
#include <fmt/format.h>

#include "cli/change.hpp"
#include "cli/document.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kBansGroup = "Rollout";

struct BansFlags {
    std::string source, length, reason;
    bool force = false;
};

Result<ExitCode> ban(Context& context, const BansFlags& flags) {
    Json body = {{"source", flags.source},
                 {"reason", flags.reason},
                 {"force", flags.force},
                 {"ssh_connection", ssh_connection()}};
    if (!flags.length.empty()) body["for"] = flags.length;
    return change(context, "/v1/ban", body, [](const Json& answer) {
        return fmt::format("{} is banned {}", text(at(answer, "source")),
                           until_words(at(answer, "until")));
    });
}

struct UnbanFlags {
    std::string source, reason;
    bool all = false;
    bool if_banned = false;
};

std::string lifted_words(const Json& answer) {
    const auto& lifted = list(at(answer, "lifted"));
    if (lifted.size() == 1) return text(lifted.front()) + " is no longer banned";
    if (lifted.empty()) return "nobody was banned";
    return fmt::format("{} sources are no longer banned", lifted.size());
}

Result<ExitCode> unban(Context& context, const UnbanFlags& flags) {
    if ((flags.source.empty() && flags.reason.empty()) != flags.all)
        return fail("unban takes ADDR, --reason or both, or --all alone", "portlid unban --help",
                    ExitCode::Usage);
    Json body = Json::object();
    if (!flags.source.empty()) body["source"] = flags.source;
    if (!flags.reason.empty()) body["reason"] = flags.reason;
    if (flags.all) body["all"] = true;
    if (flags.if_banned) body["if_banned"] = true;
    return change(context, "/v1/unban", body, lifted_words);
}

Table bans_table(const Json& document) {
    Table table({{"SOURCE"}, {"SINCE"}, {"REMAINING", true}, {"HITS", true}, {"REASON"}});
    for (const auto& one : list(at(document, "items"))) {
        const auto left = text(at(one, "remaining_s"));
        table.add({text(at(one, "source"), "?"), text(at(one, "since"), "-"),
                   left.empty() ? "for ever" : left + " s", text(at(one, "hits"), "0"),
                   text(at(one, "reason"), "-")});
    }
    return table;
}

Result<ExitCode> show_bans(Context& context, const BansFlags&) {
    const auto describe = [](const Json& document, OutputFormat format) {
        const auto table = bans_table(document);
        if (format == OutputFormat::Csv) return table.csv();
        return table.empty() ? std::string("nobody is banned\n") : table.aligned(false);
    };
    return show_document(context, "/v1/bans", describe, {OutputFormat::Csv});
}

}  // namespace

void add_bans(CLI::App& root, Context& context) {
    auto& bans = add_verb(root, context,
                          {"ban", kBansGroup, "Drop a source for a while",
                           "  sudo portlid ban 203.0.113.9              for 10 minutes\n"
                           "  sudo portlid ban 2001:db8::/48 --for 0    for ever"});
    auto flags = run_on(bans, context, ban);
    bans.add_option("ADDR[/LEN]", flags->source, "The source")->required();
    add_duration(bans, "--for", flags->length, "How long (default 10m; 0 = for ever)");
    bans.add_option("--reason", flags->reason, "Shown in `portlid bans` and in events")
        ->type_name("TEXT");
    bans.add_flag("--force", flags->force, "Even a management address, or your own");

    auto& unbans =
        add_verb(root, context,
                 {"unban", kBansGroup, "Lift bans",
                  "  sudo portlid unban 203.0.113.9\n"
                  "  sudo portlid unban --reason \"fail2ban sshd\"   all with that reason\n"
                  "  sudo portlid unban --all"});
    const auto lift = run_on<UnbanFlags>(unbans, context, unban);
    unbans.add_option("ADDR[/LEN]", lift->source, "The source, as it was banned");
    unbans
        .add_option("--reason", lift->reason,
                    "Every ban with exactly this reason; with ADDR: only if it has it")
        ->type_name("TEXT");
    unbans.add_flag("--all", lift->all, "Every ban");
    unbans.add_flag("--if-banned", lift->if_banned, "No fault when it is not banned (any more)");

    auto& lists = add_verb(root, context,
                           {"bans", kBansGroup, "The bans in force, with what they caught",
                            "  portlid bans\n  portlid bans -o json"});
    flags = run_on(lists, context, show_bans);
}

}  // namespace portlid::cli
