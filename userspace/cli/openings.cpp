// SPDX-License-Identifier: Apache-2.0
// `portlid allow` and `portlid set`: openings and set members that end by themselves.
#include <fmt/format.h>

#include "cli/change.hpp"
#include "cli/document.hpp"
#include "cli/url.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kOpeningsGroup = "Rollout";

struct AllowFlags {
    std::string ports, zone, length;
    std::vector<std::string> from;
    bool end = false;
};

Result<ExitCode> allow(Context& context, const AllowFlags& flags) {
    Json body = {{"ports", flags.ports}, {"from", flags.from}, {"end", flags.end}};
    if (!flags.zone.empty()) body["zone"] = flags.zone;
    if (!flags.length.empty()) body["for"] = flags.length;
    return change(context, "/v1/allow", body, [&flags](const Json& answer) {
        if (flags.end) return "closed again: " + text(at(answer, "rule"));
        return fmt::format("{} {}", text(at(answer, "rule")), until_words(at(answer, "until")));
    });
}

struct SetFlags {
    std::string name, address, length;
};

Result<ExitCode> change_set(Context& context, const SetFlags& flags, const char* action) {
    Json body = {{"action", action}, {"name", flags.name}, {"address", flags.address}};
    if (!flags.length.empty()) body["for"] = flags.length;
    const bool add = std::string_view(action) == "add";
    return change(context, "/v1/set", body, [add](const Json& answer) {
        return fmt::format("{} {} {} {}", text(at(answer, "member")),
                           add ? "is now in" : "is no longer in", text(at(answer, "set")),
                           until_words(at(answer, "until")));
    });
}

std::string remaining(const Json& seconds) {
    const auto left = text(seconds);
    return left.empty() ? "-" : left + " s";
}

std::string sets_text(const Json& document) {
    Table table({{"SET"}, {"ADDRESS"}, {"FROM"}, {"UNTIL"}, {"REMAINING", true}, {"HITS", true}});
    for (const auto& set : list(at(document, "items")))
        for (const auto& member : list(at(set, "members")))
            table.add({text(at(set, "name")), text(at(member, "address")),
                       flag(at(member, "added")) ? "portlid set" : "policy",
                       text(at(member, "until"), "-"), remaining(at(member, "remaining_s")),
                       text(at(member, "hits"), "-")});
    return table.empty() ? "the policy has no set with members\n" : table.aligned(false);
}

Result<ExitCode> show_sets(Context& context, const SetFlags& flags) {
    std::string path = "/v1/sets";
    if (!flags.name.empty()) path += "?name=" + url_encoded(flags.name);
    return show_document(context, path,
                         [](const Json& document, OutputFormat) { return sets_text(document); });
}

void add_change_set(CLI::App& parent, Context& context, const char* name, const char* summary) {
    auto& verb = add_verb(parent, context,
                          {name, "Subcommands", summary,
                           "  sudo portlid set add home 203.0.113.9 --for 7d\n"
                           "  sudo portlid set del home 203.0.113.9"});
    const auto flags = std::make_shared<SetFlags>();
    verb.add_option("NAME", flags->name, "The set")->required();
    verb.add_option("ADDR", flags->address, "Address or prefix")->required();
    add_duration(verb, "--for", flags->length, "Ends by itself (default: by hand)");
    verb.callback([flags, name, &context] {
        context.action = [flags, name, &context] { return change_set(context, *flags, name); };
    });
}

}  // namespace

void add_openings(CLI::App& root, Context& context) {
    auto& allows =
        add_verb(root, context,
                 {"allow", kOpeningsGroup, "An opening that closes itself",
                  "  sudo portlid allow 8080/tcp                           for an hour, "
                  "for everybody\n"
                  "  sudo portlid allow 5432/tcp --from 203.0.113.9 --for 20m\n"
                  "  sudo portlid allow 8080/tcp --end                     close it now"});
    const auto flags = std::make_shared<AllowFlags>();
    allows.add_option("PORT/PROTO", flags->ports, "8080/tcp, 7000-7100/udp")->required();
    allows.add_option("--from", flags->from, "Only for this source (repeat)")->type_name("CIDR");
    allows.add_option("--zone", flags->zone, "Only in this zone")->type_name("ZONE");
    add_duration(allows, "--for", flags->length, "How long (default 1h; 0 = until ended by hand)");
    allows.add_flag("--end", flags->end, "Close what an earlier allow opened");
    allows.callback([flags, &context] {
        context.action = [flags, &context] { return allow(context, *flags); };
    });

    auto& sets = add_verb(root, context,
                          {"set", kOpeningsGroup, "Show a named set, or change it at run time",
                           "  portlid set show\n  sudo portlid set add home 203.0.113.9 --for 7d"});
    sets.require_subcommand(1);
    add_change_set(sets, context, "add", "Put an address into a set");
    add_change_set(sets, context, "del", "Take an address out of a set");
    auto& show = add_verb(
        sets, context, {"show", "Subcommands", "What sets hold now", "  portlid set show office"});
    const auto which = std::make_shared<SetFlags>();
    show.add_option("NAME", which->name, "The set (default: all)");
    show.callback([which, &context] {
        context.action = [which, &context] { return show_sets(context, *which); };
    });
}

}  // namespace portlid::cli
