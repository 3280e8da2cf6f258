// SPDX-License-Identifier: Apache-2.0
// `portlid explain`: asks the daemon, or with --offline a policy file.
#include "app/explain.hpp"

#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/explain_view.hpp"
#include "cli/url.hpp"
#include "policy/check.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kExplainExamples =
    "  portlid explain any to :5432                       a stranger, any own address\n"
    "  portlid explain 203.0.113.9 to 198.51.100.10:443/tcp --interface eth0\n"
    "  portlid explain 2001:db8::1 to [2001:db8::10]:53/udp\n"
    "  portlid explain any to :22 --offline --policy my.yaml --zone public";

struct ExplainFlags {
    std::vector<std::string> words;
    std::string interface;
    std::string zone;
    std::string policy;
    bool offline = false;
};

// SRC [to] DST
Result<> take_words(const ExplainFlags& flags, std::string& source, std::string& destination) {
    const auto& words = flags.words;
    const bool with_to = words.size() == 3 && words[1] == "to";
    if (!with_to && words.size() != 2)
        return fail("explain takes a source and a destination",
                    "portlid explain 203.0.113.9 to :5432/tcp", ExitCode::Usage);
    source = words.front();
    destination = words.back();
    return {};
}

Result<unsigned> zone_index(const policy::Policy& policy, const ExplainFlags& flags) {
    if (flags.zone.empty()) return 0U;
    std::vector<std::string_view> names;
    for (unsigned i = 0; i < policy.zones.size(); ++i) {
        if (policy.zones[i].name == flags.zone) return i;
        names.push_back(policy.zones[i].name);
    }
    const auto near = nearest(flags.zone, names);
    return fail("the policy has no zone `" + printable(flags.zone, 64) + "`",
                near.empty() ? "portlid policy show FILE" : "did you mean `" + near + "`?",
                ExitCode::Usage);
}

Result<Json> ask_file(const ExplainFlags& flags, const app::Question& question) {
    if (flags.policy.empty())
        return fail("--offline needs a policy", "add --policy FILE", ExitCode::Usage);
    const auto loaded = policy::check_file(flags.policy);
    if (!loaded.ok())
        return fail("the policy is invalid:\n" + policy::check_text(loaded),
                    "portlid policy check " + printable(flags.policy), ExitCode::PolicyInvalid);
    if (loaded.policy.zones.empty())
        return fail("the policy has no zone to come in through", "add one under `zones:`",
                    ExitCode::PolicyInvalid);
    const auto compiled = policy::compile(loaded.policy);
    if (!compiled) return pass_on(compiled.error());
    const auto zone = zone_index(loaded.policy, flags);
    if (!zone) return pass_on(zone.error());
    app::ExplainContext facts;
    facts.policy = &loaded.policy;
    facts.compiled = &*compiled;
    facts.zone = *zone;
    // Without a host, whatever is asked for is taken as one of its own addresses.
    if (question.destination) facts.tables.own.insert(*question.destination);
    return app::explain(facts, question);
}

Result<Json> ask_daemon(Context& context, const ExplainFlags& flags, const std::string& source,
                        const std::string& destination) {
    auto path =
        "/v1/explain?source=" + url_encoded(source) + "&destination=" + url_encoded(destination);
    if (!flags.interface.empty()) path += "&interface=" + url_encoded(flags.interface);
    const auto body = context.backend.get(context.flags.socket, path);
    if (!body) return pass_on(body.error());
    return parse_document(*body);
}

Result<ExitCode> show_explanation(Context& context, const ExplainFlags& flags) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    std::string source;
    std::string destination;
    if (auto taken = take_words(flags, source, destination); !taken)
        return pass_on(std::move(taken).error());
    const auto question = app::parse_question(source, destination);
    if (!question) return pass_on(question.error());
    const auto answer = flags.offline ? ask_file(flags, *question)
                                      : ask_daemon(context, flags, source, destination);
    if (!answer) return pass_on(answer.error());
    context.console.out(*format == OutputFormat::Table
                            ? explain_text(*answer, context.color())
                            : answer->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return context.done();
}

}  // namespace

void add_explain(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"explain", "Watch",
                           "Which rule decides about a packet and why, then what Docker and UFW "
                           "would do with it",
                           kExplainExamples});
    const auto flags = std::make_shared<ExplainFlags>();
    verb.add_option("SRC [to] [DST]:PORT[/PROTO]", flags->words,
                    "Source address or `any`, then destination")
        ->required()
        ->expected(2, 3);
    auto* interface = verb.add_option("--interface", flags->interface, "Where the packet comes in")
                          ->type_name("IF");
    auto* offline = verb.add_flag("--offline", flags->offline, "Ask a policy file, not the sensor");
    verb.add_option("--policy", flags->policy, "The file for --offline")
        ->type_name("FILE")
        ->needs(offline);
    verb.add_option("--zone", flags->zone, "Zone for --offline (default: the first)")
        ->type_name("ZONE")
        ->needs(offline)
        ->excludes(interface);
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return show_explanation(context, *flags); };
    });
}

}  // namespace portlid::cli
