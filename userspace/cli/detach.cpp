// SPDX-License-Identifier: Apache-2.0
// `portlid detach`: what a sensor that is gone left in the kernel.
#include <fmt/format.h>

#include "cli/context.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kDefaultBpffs = "/sys/fs/bpf/portlid";
constexpr const char* kDetachExamples =
    "  sudo portlid detach                         after a kill -9, to stop filtering\n"
    "  sudo portlid detach --bpffs /sys/fs/bpf/t1  of a sensor with its own --bpffs";

// A sensor that answers would be left filtering nothing and believing otherwise. Where its pins
// are is known for the default place only.
Result<> refuse_if_running(Context& context, const std::string& bpffs) {
    if (bpffs != kDefaultBpffs) return {};
    if (!context.backend.get(context.flags.socket, "/v1/status")) return {};
    return fail("a sensor is running on " + context.flags.socket,
                "stop it first, with --on-exit detach it takes everything with it");
}

Result<ExitCode> detach(Context& context, const std::string& bpffs) {
    const auto format =
        context.format({OutputFormat::Table, OutputFormat::Json, OutputFormat::JsonLines});
    if (!format) return pass_on(format.error());
    if (auto gone = refuse_if_running(context, bpffs); !gone)
        return pass_on(std::move(gone).error());
    const auto report = context.backend.detach(bpffs);
    if (!report) return pass_on(report.error());
    if (*format != OutputFormat::Table)
        context.console.out(
            fmt::format("{{\"links\":{},\"maps\":{}}}\n", report->links, report->maps));
    else if (report->links == 0 && report->maps == 0)
        context.console.out("nothing was left under " + bpffs + "\n");
    else
        context.console.out(fmt::format("removed {} links and {} maps under {}\n", report->links,
                                        report->maps, bpffs));
    return context.done();
}

}  // namespace

void add_detach(CLI::App& root, Context& context) {
    auto& verb =
        add_verb(root, context,
                 {"detach", "Sensor", "Remove every link, pin and map of a sensor that is gone",
                  kDetachExamples});
    const auto bpffs = std::make_shared<std::string>(kDefaultBpffs);
    verb.add_option("--bpffs", *bpffs, "Where that sensor pinned")
        ->type_name("DIR")
        ->capture_default_str();
    verb.callback([bpffs, &context] {
        context.action = [bpffs, &context] { return detach(context, *bpffs); };
    });
}

}  // namespace portlid::cli
