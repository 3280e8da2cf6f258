// SPDX-License-Identifier: Apache-2.0
// `portlid verify`: starts a run in the sensor, shows how far it is, and what came out.
#include <chrono>
#include <thread>

#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/url.hpp"
#include "cli/verify_scan.hpp"
#include "cli/verify_view.hpp"

namespace portlid::cli {

namespace {

constexpr std::chrono::milliseconds kPollPeriod{100};
constexpr const char* kVerifyExamples =
    "  portlid verify                 every port, from every kind of source, asked of a twin\n"
    "  portlid verify -o json | jq .differences\n"
    "  nmap -Pn -p- -oX scan.xml HOST (elsewhere), then here:\n"
    "  portlid verify --nmap scan.xml --from 198.51.100.9 --exit-code";

struct VerifyFlags {
    std::string nmap;
    ScanChoice scan;
    bool exit_code = false;
};

bool is_done(const Json& document) {
    return text(at(document, "state")) == "done";
}

Result<Json> ask(Context& context, const std::string& path) {
    const auto body = context.backend.get(context.flags.socket, path);
    if (!body) return pass_on(body.error());
    return parse_document(*body);
}

// Over the line before it; a line of blanks ends it.
void show_progress(Console& console, const std::string& line) {
    if (console.messages_are_seen()) console.message("\r" + line + "\x1b[K");
}

Result<Json> run_to_the_end(Context& context, const VerifyFlags& flags) {
    std::string start = "/v1/verify";
    if (!flags.scan.from.empty()) start += "?scanner=" + url_encoded(flags.scan.from);
    auto document = ask(context, start);
    if (!document) return document;
    const auto again = "/v1/verify?run=" + std::to_string(number(at(*document, "run")));
    while (document && !is_done(*document)) {
        show_progress(context.console, verify_progress(*document));
        std::this_thread::sleep_for(kPollPeriod);
        document = ask(context, again);
    }
    show_progress(context.console, "");
    return document;
}

void print_tables(Context& context, const Json& document) {
    auto& console = context.console;
    const bool color = context.color();
    const auto width = console.out_width();
    console.out(matrix_table(document).aligned(color, width));
    const auto differences = differences_table(document);
    if (!differences.empty()) console.out("\n" + differences.aligned(color));
    const auto& scan = at(document, "scan");
    const auto misfits = scan_table(scan);
    if (!misfits.empty()) console.out("\n" + misfits.aligned(color));
    console.message(verify_summary(document));
    if (!scan.is_null())
        console.message("scan of " + text(at(scan, "host")) + " from " + text(at(scan, "source")) +
                        ": " + text(at(scan, "compared")) + " ports compared\n");
}

// As the sensor writes it.
Result<VerifyFlags> with_plain_address(VerifyFlags flags) {
    if (flags.scan.from.empty()) return flags;
    const auto address = IpAddress::parse(flags.scan.from);
    if (!address)
        return fail("--from: `" + printable(flags.scan.from, 64) + "` is not an address",
                    "portlid verify --nmap FILE --from 198.51.100.9", ExitCode::Usage);
    flags.scan.from = address->to_string();
    return flags;
}

Result<ExitCode> show_verification(Context& context, const VerifyFlags& given) {
    const auto format = context.format({OutputFormat::Table, OutputFormat::Json});
    if (!format) return pass_on(format.error());
    const auto checked = with_plain_address(given);
    if (!checked) return pass_on(checked.error());
    const auto& flags = *checked;
    std::vector<verify::ScannedHost> hosts;
    if (!flags.nmap.empty()) {
        auto scan = read_scan(flags.nmap);
        if (!scan) return pass_on(std::move(scan).error());
        hosts = std::move(*scan);
    }
    auto document = run_to_the_end(context, flags);
    if (!document) return pass_on(std::move(document).error());
    if (!flags.nmap.empty()) {
        auto compared = compare_with_scan(*document, hosts, flags.scan);
        if (!compared) return pass_on(std::move(compared).error());
        (*document)["scan"] = std::move(*compared);
    }
    if (*format == OutputFormat::Json)
        context.console.out(document->dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    else
        print_tables(context, *document);
    if (!flag(at(*document, "ok"))) return context.done(ExitCode::Failed);
    const bool found = flags.exit_code && scan_misfits(at(*document, "scan"));
    return context.done(found ? ExitCode::Findings : ExitCode::Ok);
}

}  // namespace

void add_verify(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"verify", "Watch",
                           "Ask a twin of the running program about every port, and compare with "
                           "the policy and with a scan from outside",
                           kVerifyExamples});
    const auto flags = std::make_shared<VerifyFlags>();
    auto* nmap = verb.add_option("--nmap", flags->nmap, "An outside scan to compare with")
                     ->type_name("FILE");
    verb.add_option("--from", flags->scan.from, "Where that scan came from (default: a stranger)")
        ->type_name("ADDR")
        ->needs(nmap);
    verb.add_option("--zone", flags->scan.zone, "The zone it came in by, where there are several")
        ->type_name("ZONE")
        ->needs(nmap);
    verb.add_flag("--exit-code", flags->exit_code, "Exit 10 when the scan does not fit");
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return show_verification(context, *flags); };
    });
}

}  // namespace portlid::cli
