// SPDX-License-Identifier: Apache-2.0
// `portlid export list` and `export test`. The list is the sensor's; the test needs none: it reads
// portlid.yaml itself, or takes a sink as `--events` does.
#include "cli/export.hpp"

#include <algorithm>

#include "app/config.hpp"
#include "base/text.hpp"
#include "cli/json_access.hpp"
#include "sink/try.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kExportGroup = "Export";

struct ExportFlags {
    std::string sink;
    std::string config = "/etc/portlid/portlid.yaml";
    bool config_given = false;
};

Table sinks_table(const Json& document) {
    Table table({{"NAME"},
                 {"FORMAT"},
                 {"STATE"},
                 {"LAG", true},
                 {"SENT", true},
                 {"LOST", true},
                 {"TO"},
                 {"WHY"}});
    for (const auto& one : list(at(document, "sinks"))) {
        const auto lost = number(at(one, "lost")) + number(at(one, "spool_lost"));
        table.add({text(at(one, "name"), "?"), text(at(one, "format"), "native"),
                   text(at(one, "state"), "?"), text(at(one, "lag"), "0"),
                   text(at(one, "sent"), "0"), std::to_string(lost), text(at(one, "to"), "-"),
                   text(at(one, "why"), "-")});
    }
    return table;
}

Result<ExitCode> show(Context& context) {
    const auto format = context.format(
        {OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    const auto body = context.backend.get(context.flags.socket, "/v1/status");
    if (!body) return pass_on(body.error());
    const auto document = parse_document(*body);
    if (!document) return pass_on(document.error());
    const auto table = sinks_table(*document);
    if (*format == OutputFormat::Csv)
        context.console.out(table.csv());
    else if (*format == OutputFormat::Json)
        context.console.out(
            Json{{"schema", "portlid.sinks/v1"}, {"items", at(*document, "sinks")}}.dump(
                -1, ' ', false, Json::error_handler_t::replace) +
            "\n");
    else if (*format == OutputFormat::JsonLines)
        for (const auto& one : list(at(*document, "sinks")))
            context.console.out(one.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    else
        context.console.out(table.empty() ? "no sinks: events stay with the sensor\n"
                                          : table.aligned(false, context.console.out_width()));
    return context.done();
}

// A name of portlid.yaml, else the words of a sink.
Result<sink::SinkSpec> find_sink(const ExportFlags& flags) {
    const auto config = app::load_config(flags.config, flags.config_given);
    if (!config) return pass_on(config.error());
    for (const auto& one : config->sinks)
        if (one.name == flags.sink) return one;
    if (flags.sink == "-" || flags.sink == "journald" || flags.sink.find(':') != std::string::npos)
        return sink::parse_spec(flags.sink);
    std::vector<std::string_view> names;
    for (const auto& one : config->sinks) names.emplace_back(one.name);
    const auto near = nearest(flags.sink, names);
    return fail(
        "there is no sink `" + printable(flags.sink, 128) + "` in " + printable(flags.config),
        near.empty() ? "portlid export list, or give it as --events does: "
                       "syslog+tls://siem.example:6514"
                     : "did you mean `" + near + "`?",
        ExitCode::Usage);
}

Result<ExitCode> test(Context& context, const ExportFlags& flags) {
    const auto spec = find_sink(flags);
    if (!spec) return pass_on(spec.error());
    std::string last = "prepare";
    const auto done = sink::try_sink(*spec, [&](const auto& step, const auto& result) {
        last = step;
        context.console.message("ok      " + step + ": " + printable(result, 512) + "\n");
    });
    if (!done) return pass_on(done.error(), "after " + last);
    return context.done();
}

}  // namespace

void add_export(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"export", kExportGroup, "List and test sinks",
                           "  portlid export list\n  portlid export test siem"});
    verb.require_subcommand(0, 1);
    auto& lists = add_verb(verb, context,
                           {"list", kExportGroup, "The sinks of the sensor, and how they do",
                            "  portlid export list\n  portlid export list -o json"});
    lists.callback([&context] { context.action = [&context] { return show(context); }; });
    auto& tests =
        add_verb(verb, context,
                 {"test", kExportGroup, "Resolve, connect, TLS, send a marked event",
                  "  portlid export test siem\n"
                  "  portlid export test 'syslog+tls://siem.example:6514?ca=/etc/ca.pem'"});
    const auto flags = std::make_shared<ExportFlags>();
    tests.add_option("SINK", flags->sink, "A name of portlid.yaml, or a sink as --events takes it")
        ->required();
    tests.add_option("--config", flags->config, "Where the sinks stand")
        ->type_name("FILE")
        ->capture_default_str()
        ->each([flags](const std::string&) { flags->config_given = true; });
    tests.callback([flags, &context] {
        context.action = [flags, &context] { return test(context, *flags); };
    });
}

}  // namespace portlid::cli
