// SPDX-License-Identifier: Apache-2.0
// `portlid ban`, `unban`, `bans`.
#include <fmt/format.h>

#include "cli/change.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kGroup = "Rollout";

struct Flags {
    std::string source, length, reason;
    bool force = false;
};

Result<ExitCode> ban(Context& context, const Flags& flags) {
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

Result<ExitCode> unban(Context& context, const Flags& flags) {
    return change(context, "/v1/unban", {{"source", flags.source}}, [](const Json& answer) {
        return text(at(answer, "source")) + " is no longer banned";
    });
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

Result<ExitCode> show(Context& context, const Flags&) {
    const auto format = context.format(
        {OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    const auto body = context.backend.get(context.flags.socket, "/v1/bans");
    if (!body) return pass_on(body.error());
    const auto document = parse_document(*body);
    if (!document) return pass_on(document.error());
    const auto table = bans_table(*document);
    if (*format == OutputFormat::Csv)
        context.console.out(table.csv());
    else if (*format != OutputFormat::Table)
        context.console.out(document->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    else
        context.console.out(table.empty() ? "nobody is banned\n" : table.aligned(false));
    return context.done();
}

}  // namespace

void add_bans(CLI::App& root, Context& context) {
    auto& bans = add_verb(root, context,
                          {"ban", kGroup, "Drop a source for a while",
                           "  sudo portlid ban 203.0.113.9              for 10 minutes\n"
                           "  sudo portlid ban 2001:db8::/48 --for 0    for ever"});
    auto flags = run_on(bans, context, ban);
    bans.add_option("ADDR[/LEN]", flags->source, "The source")->required();
    add_duration(bans, "--for", flags->length, "How long (default 10m; 0 = for ever)");
    bans.add_option("--reason", flags->reason, "Shown in `portlid bans` and in events")
        ->type_name("TEXT");
    bans.add_flag("--force", flags->force, "Even a management address, or your own");

    auto& unbans = add_verb(root, context,
                            {"unban", kGroup, "Lift a ban", "  sudo portlid unban 203.0.113.9"});
    flags = run_on(unbans, context, unban);
    unbans.add_option("ADDR[/LEN]", flags->source, "The source, as it was banned")->required();

    auto& lists = add_verb(root, context,
                           {"bans", kGroup, "The bans in force, with what they caught",
                            "  portlid bans\n  portlid bans -o json"});
    run_on(lists, context, show);
}

}  // namespace portlid::cli
