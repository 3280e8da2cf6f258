// SPDX-License-Identifier: Apache-2.0
// `portlid run`: every flag of contract §1 into RunOptions.
#include <algorithm>

#include "cli/context.hpp"
#include "cli/ports_print.hpp"
#include "sink/spec.hpp"

namespace portlid::cli {

namespace {

constexpr const char* kRunExamples =
    "  sudo portlid run --mode monitor --events -     watch and print events\n"
    "  sudo portlid run --once                        the exposure table, then leave\n"
    "  sudo portlid run --policy my.yaml --interface eth0\n"
    "  sudo portlid run --interface none              sockets and exposure only";

struct Words {
    app::RunOptions options;
    std::string mode = "enforce";
    std::string attach = "auto";
    std::string on_exit = "detach";
};

kernel::AttachKind attach_kind(const std::string& word) {
    if (word == "native") return kernel::AttachKind::Native;
    if (word == "generic") return kernel::AttachKind::Generic;
    return word == "tc" ? kernel::AttachKind::Tc : kernel::AttachKind::Auto;
}

// "none" stands alone: it takes the whole list away.
Result<bool> take_none(std::vector<std::string>& list, const char* flag) {
    const auto none = std::find(list.begin(), list.end(), "none");
    if (none == list.end()) return false;
    if (list.size() > 1)
        return fail(std::string(flag) + " none cannot be given with others",
                    "give either none or the others", ExitCode::Usage);
    list.clear();
    return true;
}

Result<> finish(Words& words, const Context& context) {
    auto& options = words.options;
    options.mode_cap = words.mode == "monitor" ? app::ModeCap::Monitor : app::ModeCap::Enforce;
    options.attach = attach_kind(words.attach);
    options.on_exit = words.on_exit == "keep" ? app::OnExit::Keep : app::OnExit::Detach;
    const auto sockets_only = take_none(options.interfaces, "--interface");
    if (!sockets_only) return pass_on(sockets_only.error());
    const auto no_docker = take_none(options.docker, "--docker");
    if (!no_docker) return pass_on(no_docker.error());
    options.sockets_only = *sockets_only;
    options.no_docker = *no_docker;
    if (auto usable = sink::parse_specs(options.events); !usable) return pass_on(usable.error());
    const auto format = context.format({OutputFormat::Table, OutputFormat::Wide, OutputFormat::Json,
                                        OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    options.output = *format;
    options.color = context.color();
    return {};
}

void add_paths(CLI::App& verb, app::RunOptions& options) {
    verb.add_option("--policy", options.policy, "What is allowed")
        ->type_name("FILE")
        ->capture_default_str();
    verb.add_option("--config", options.config, "How the sensor runs (optional file)")
        ->type_name("FILE")
        ->capture_default_str()
        ->each([&options](const std::string&) { options.config_given = true; });
    verb.add_option("--state-dir", options.state_dir, "Event sequence, spool, history")
        ->type_name("DIR")
        ->capture_default_str();
    verb.add_option("--runtime-dir", options.runtime_dir, "Where the control socket is")
        ->type_name("DIR")
        ->capture_default_str();
    verb.add_option("--bpffs", options.bpffs, "Pinned links and maps")
        ->type_name("DIR")
        ->capture_default_str();
    verb.add_option("--rescue-file", options.rescue_file,
                    "While it exists nothing is dropped, whatever the policy says")
        ->type_name("FILE")
        ->capture_default_str();
    verb.add_option("--kernel-cmdline", options.kernel_cmdline,
                    "portlid.mode=monitor in it does the same")
        ->type_name("FILE")
        ->capture_default_str();
    verb.add_option("--cgroup", options.cgroup,
                    "Where the bind hooks attach (default: the cgroup v2 mount)")
        ->type_name("DIR");
}

void add_choices(CLI::App& verb, Words& words) {
    auto& options = words.options;
    add_choice(verb, "--mode", words.mode, "monitor|enforce",
               "A cap: monitor never drops, whatever the policy says")
        ->capture_default_str();
    add_choice(verb, "--attach", words.attach, "auto|native|generic|tc",
               "How packet programs attach")
        ->capture_default_str();
    add_choice(verb, "--on-exit", words.on_exit, "keep|detach", "What SIGTERM leaves behind")
        ->capture_default_str();
    const auto many = CLI::MultiOptionPolicy::TakeAll;
    verb.add_option("--interface", options.interfaces,
                    "Only these of the zones' interfaces; none = no packet program (repeat)")
        ->type_name("IF")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_option("--events", options.events,
                    "Where events go: -, file:PATH, journald, syslog+tls://HOST:PORT, "
                    "https://…, with ?format=native|ecs|ocsf|cef (repeat)")
        ->type_name("SINK")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_option("--docker", options.docker,
                    "Container engine, GET requests only; none = ask nobody (repeat)")
        ->type_name("ENDPOINT")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_flag("--last-good", options.last_good,
                  "Start with the last confirmed policy when the file cannot be loaded");
    verb.add_flag("--once", options.once, "Attach, look, print the ports, detach, exit");
    verb.add_flag("--show-ports", options.show_ports, "Print the ports when ready (to stderr)");
}

}  // namespace

void add_run(CLI::App& root, Context& context) {
    auto& verb = add_verb(root, context,
                          {"run", "Sensor", "Run the sensor in the foreground", kRunExamples});
    const auto words = std::make_shared<Words>();
    add_paths(verb, words->options);
    add_choices(verb, *words);
    verb.callback([words, &context] {
        context.action = [words, &context]() -> Result<ExitCode> {
            if (auto finished = finish(*words, context); !finished)
                return pass_on(std::move(finished).error());
            auto& options = words->options;
            Result<> shown;
            // With --once the table is the data; else stdout may belong to the event stream.
            options.on_ports = [&](const std::string& document) {
                shown = print_ports(context, document, options.output, false,
                                    options.once ? Stream::Data : Stream::Message);
            };
            if (auto ran = context.backend.run(options); !ran)
                return pass_on(std::move(ran).error());
            if (!shown) return pass_on(std::move(shown).error());
            return context.done();
        };
    });
}

}  // namespace portlid::cli
