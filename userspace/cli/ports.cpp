// SPDX-License-Identifier: Apache-2.0
// `portlid ports`: the headline.
#include "cli/ports_print.hpp"
#include "cli/ports_view.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kPortsExamples =
    "  portlid ports                 host ports: who holds them, who can reach them\n"
    "  portlid ports -o wide --all   more columns, sockets inside containers too\n"
    "  portlid ports -o json | jq '.items[] | select(.verdict==\"exposed\")'\n"
    "  portlid ports --exit-code     exit 10 when something is exposed";

std::string safe_dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string items_as_lines(const Json& document) {
    std::string lines;
    for (const auto& item : list(at(document, "items"))) lines += safe_dump(item);
    return lines;
}

bool any_exposed(const Json& document) {
    for (const auto& item : list(at(document, "items")))
        if (text(at(item, "verdict")) == "exposed") return true;
    return false;
}

}  // namespace

Result<> print_ports(Context& context, const std::string& body, OutputFormat format, bool all,
                     Stream stream) {
    auto& console = context.console;
    const auto put = [&](const std::string& data) {
        if (stream == Stream::Data)
            console.out(data);
        else
            console.message(data);
    };
    const auto document = parse_document(body);
    if (!document) return pass_on(document.error());
    const bool color = stream == Stream::Data && context.color();
    const PortsStyle style{format == OutputFormat::Wide, color, all, console.out_width()};
    if (format == OutputFormat::Json) {
        put(safe_dump(*document));
    } else if (format == OutputFormat::JsonLines) {
        put(items_as_lines(*document));
    } else if (format == OutputFormat::Csv) {
        put(ports_table(*document, {.wide = true, .all = true}).csv());
    } else {
        put(ports_table(*document, style).aligned(color, style.wide ? 0 : style.width));
        console.message(ports_summary(*document, style));
    }
    return {};
}

void add_ports(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"ports", "Watch",
                           "Every listener and published port: who holds it, what UFW says, from "
                           "where it can be reached",
                           kPortsExamples});
    struct PortsFlags {
        bool all = false;
        bool exit_code = false;
    };
    const auto flags = std::make_shared<PortsFlags>();
    verb.add_flag("--all", flags->all, "Sockets inside containers too");
    verb.add_flag("--exit-code", flags->exit_code, "Exit 10 when something is exposed");
    verb.callback([flags, &context] {
        context.action = [flags, &context]() -> Result<ExitCode> {
            const auto format =
                context.format({OutputFormat::Table, OutputFormat::Wide, OutputFormat::Json,
                                OutputFormat::JsonLines, OutputFormat::Csv});
            if (!format) return pass_on(format.error());
            const auto body = context.backend.get(context.flags.socket, "/v1/ports");
            if (!body) return pass_on(body.error());
            if (auto shown = print_ports(context, *body, *format, flags->all, Stream::Data); !shown)
                return pass_on(std::move(shown).error());
            const bool found = flags->exit_code && any_exposed(*parse_document(*body));
            return context.done(found ? ExitCode::Findings : ExitCode::Ok);
        };
    });
}

}  // namespace portlid::cli
