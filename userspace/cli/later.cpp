// SPDX-License-Identifier: Apache-2.0
// The verbs of the contract that are not built yet: each has its full --help, and says what to do
// instead. A verb leaves this table when it gets a file of its own.

#include "cli/context.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kGroup = "Not built yet in this version";

// One line of a verb's --help. Names that begin with a dash are flags; a type makes it an option.
struct Argument {
    const char* name;
    const char* type;  // "" = a flag without value; for a positional word always ""
    const char* help;
    bool required = false;
};

struct LaterVerb {
    VerbText text;
    const char* instead;
    std::vector<Argument> arguments;
};

const Argument kConfirm{"--confirm-within", "DURATION", "Go back unless confirmed in time"};
const Argument kFor{"--for", "DURATION", "How long"};
const Argument kForce{"--force", "", "Even when it may lock you out"};

std::vector<LaterVerb> rollout_verbs() {
    constexpr const char* kEdit = "edit the --policy file and send the sensor SIGHUP";
    return {
        {{"plan", kGroup, "What a policy would change", "  portlid plan new.yaml --replay 24h"},
         "portlid policy check FILE, then portlid explain ... --offline --policy FILE",
         {{"FILE", "", "The new policy", true},
          {"--replay", "DURATION", "Judge the flows of this time again"}}},
        {{"apply", kGroup, "Swap the policy atomically",
          "  portlid apply new.yaml --confirm-within 60s"},
         kEdit,
         {{"FILE", "", "The new policy (default: the --policy file)"}, kConfirm, kForce}},
        {{"confirm", kGroup, "Keep the policy that is pending", "  portlid confirm"}, kEdit, {}},
        {{"rollback", kGroup, "Go back to an earlier policy", "  portlid rollback 1"},
         kEdit,
         {{"N", "", "How many generations"}}},
        {{"mode", kGroup, "Promote, demote, or drop the override",
          "  portlid mode enforce --zone public --for 1h"},
         "set `mode:` in the policy and send the sensor SIGHUP",
         {{"MODE", "", "monitor, enforce or policy", true},
          {"--zone", "ZONE", "Only this zone"},
          {"--rule", "NAME", "Only this rule"},
          kFor,
          kConfirm}},
        {{"learn", kGroup, "The smallest policy that allows what was seen",
          "  portlid learn --since 24h"},
         "read portlid events --verdict would_drop and write the services by hand",
         {{"--since", "DURATION", "How far back"}}},
    };
}

std::vector<LaterVerb> runtime_verbs() {
    constexpr const char* kDeny = "put the source into a set named under `deny:` and send SIGHUP";
    return {
        {{"ban", kGroup, "Drop a source for a while", "  portlid ban 203.0.113.9 --for 1h"},
         kDeny,
         {{"ADDR[/LEN]", "", "The source", true}, kFor, {"--reason", "TEXT", "Why"}, kForce}},
        {{"unban", kGroup, "Lift a ban", "  portlid unban 203.0.113.9"},
         kDeny,
         {{"ADDR[/LEN]", "", "The source", true}}},
        {{"bans", kGroup, "The bans in force", "  portlid bans -o json"}, kDeny, {}},
        {{"allow", kGroup, "An opening that closes itself", "  portlid allow 8080/tcp --for 1h"},
         "add a service to the policy and send the sensor SIGHUP",
         {{"PORT/PROTO", "", "What to open", true},
          {"--from", "CIDR", "For whom"},
          {"--zone", "ZONE", "Only this zone"},
          kFor}},
        {{"set", kGroup, "Change a named set at run time", "  portlid set add home 203.0.113.9"},
         "edit the set in the policy and send the sensor SIGHUP",
         {{"ACTION", "", "add, del or show", true},
          {"NAME", "", "The set", true},
          {"ADDR", "", "The address"},
          kFor}},
        {{"audit", kGroup, "Findings about what listens", "  portlid audit --exit-code"},
         "portlid ports --exit-code",
         {{"--baseline", "FILE", "What is known"}, {"--exit-code", "", "Exit 10 on findings"}}},
        {{"verify", kGroup, "Reachability, measured and compared", "  portlid verify"},
         "portlid ports, and a scan from outside",
         {{"--nmap", "FILE", "An outside scan to compare with"}}},
        {{"export", kGroup, "List and test sinks", "  portlid export test siem"},
         "portlid status shows the sinks",
         {{"ACTION", "", "list or test", true}, {"SINK", "", "Which sink"}}},
        {{"top", kGroup, "Live view", "  portlid top"}, "portlid events -f", {}},
        {{"report", kGroup, "One self-contained page", "  portlid report --html page.html"},
         "portlid ports -o csv",
         {{"--html", "FILE", "Where to write it"}}},
    };
}

void add_argument(CLI::App& verb, const Argument& argument, std::vector<std::string>& into) {
    const std::string name = argument.name;
    if (name.front() == '-' && *argument.type == '\0') {
        verb.add_flag(name, argument.help);
        return;
    }
    auto* option = verb.add_option(
        name,
        [&into](const CLI::results_t& words) {
            into.insert(into.end(), words.begin(), words.end());
            return true;
        },
        argument.help);
    if (*argument.type != '\0') option->type_name(argument.type);
    if (argument.required) option->required();
}

void add_one(CLI::App& parent, Context& context, const std::string& prefix,
             const LaterVerb& later) {
    auto& verb = add_verb(parent, context, later.text);
    const auto ignored = std::make_shared<std::vector<std::string>>();
    for (const auto& argument : later.arguments) add_argument(verb, argument, *ignored);
    const auto name = prefix + later.text.name;
    const std::string instead = later.instead;
    verb.callback([name, instead, ignored, &context] {
        context.action = [name, instead]() -> Result<ExitCode> {
            return fail(name + " is not built yet in this version", instead, ExitCode::Usage);
        };
    });
}

}  // namespace

void add_later(CLI::App& root, Context& context) {
    for (const auto& verb : rollout_verbs()) add_one(root, context, "portlid ", verb);
    for (const auto& verb : runtime_verbs()) add_one(root, context, "portlid ", verb);
}

}  // namespace portlid::cli
