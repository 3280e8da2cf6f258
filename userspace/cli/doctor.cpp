// SPDX-License-Identifier: Apache-2.0
// `portlid doctor`: what works on this machine, what is degraded, what to do about it.
#include <unistd.h>

#include <array>

#include "base/text.hpp"
#include "cli/context.hpp"
#include "cli/json_access.hpp"

namespace portlid::cli {

namespace {

using kernel::Check;
using kernel::CheckState;

constexpr const char* kDoctorExamples =
    "  sudo portlid doctor                     kernel, engines, firewalls\n"
    "  sudo portlid doctor --interface eth0    also tries how a program attaches there\n"
    "  portlid doctor -o json                  exit 6 when something needed is missing";
constexpr const char* kDockerEndpoint = "unix:///run/docker.sock";
constexpr const char* kDockerPath = "/run/docker.sock";

struct DoctorFlags {
    std::vector<std::string> interfaces;
    std::vector<std::string> engines;
};

const char* state_word(CheckState state) {
    switch (state) {
        case CheckState::Ok:
            return "ok";
        case CheckState::Degraded:
            return "degraded";
        case CheckState::Missing:
            return "missing";
    }
    return "unknown";
}

Cell state_cell(CheckState state) {
    constexpr std::array<Color, 3> kColors = {Color::Green, Color::Yellow, Color::Red};
    return {state_word(state), kColors[static_cast<std::size_t>(state)]};
}

Check check_engine(Backend& backend, const std::string& endpoint) {
    const auto name = "engine " + endpoint;
    const auto answer = backend.ask_engine(endpoint, "/version");
    if (!answer) return {name, CheckState::Degraded, answer.error().message, answer.error().hint};
    const auto version = parse_document(*answer);
    if (!version)
        return {name, CheckState::Degraded, "its answer is not JSON",
                "is that a container engine's socket?"};
    return {name, CheckState::Ok,
            text(at(*version, {"Platform", "Name"}), "engine") + " " +
                text(at(*version, "Version"), "?") + ", API " +
                text(at(*version, "ApiVersion"), "?"),
            ""};
}

std::vector<Check> check_engines(Backend& backend, std::vector<std::string> endpoints) {
    if (endpoints.empty()) {
        if (!backend.exists(kDockerPath))
            return {
                {"engine", CheckState::Ok, "no Docker socket: container names stay unknown", ""}};
        endpoints.emplace_back(kDockerEndpoint);
    }
    std::vector<Check> checks;
    for (const auto& endpoint : endpoints) checks.push_back(check_engine(backend, endpoint));
    return checks;
}

Check check_ufw(const inventory::Ufw& ufw) {
    if (!ufw.installed()) return {"ufw", CheckState::Ok, "not installed", ""};
    const std::string state = ufw.active() ? "active" : "installed, not active";
    if (ufw.unreadable_lines() == 0) return {"ufw", CheckState::Ok, state, ""};
    return {"ufw", CheckState::Degraded,
            state + ", " + std::to_string(ufw.unreadable_lines()) + " rules not understood",
            "its answer in `ports` may be wrong for those"};
}

// Other firewalls are only named: Portlid neither reads nor writes their rules.
Check check_tool(Backend& backend, const char* tool) {
    for (const auto* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/"})
        if (backend.exists(std::string(directory) + tool))
            return {tool, CheckState::Ok, std::string("present at ") + directory + tool, ""};
    return {tool, CheckState::Ok, "not installed", ""};
}

Check check_rescue(Backend& backend) {
    const auto rescue = backend.rescue();
    if (!rescue.asked())
        return {"rescue", CheckState::Ok, "not asked for: a sensor does what its policy says", ""};
    return {"rescue", CheckState::Degraded, rescue.why + ": a sensor here only monitors",
            rescue.leave};
}

Check check_sensor(Context& context) {
    const auto& socket = context.flags.socket;
    const auto body = context.backend.get(socket, "/v1/status");
    if (body) {
        const auto status = parse_document(*body);
        const Json nothing;
        const auto& rescue = at(status ? *status : nothing, {"mode", "rescue"});
        if (rescue.is_object())
            return {"sensor", CheckState::Degraded,
                    "running on " + socket + ", only monitors: " + text(at(rescue, "why")),
                    text(at(rescue, "leave"))};
        return {"sensor", CheckState::Ok, "running on " + socket, ""};
    }
    if (body.error().code == ExitCode::NotRunning)
        return {"sensor", CheckState::Ok, "not running on " + socket, ""};
    return {"sensor", CheckState::Degraded, body.error().message, body.error().hint};
}

std::vector<Check> all_checks(Context& context, const DoctorFlags& flags) {
    auto& backend = context.backend;
    auto checks = backend.probe_kernel();
    for (const auto& name : flags.interfaces) checks.push_back(backend.probe_interface(name));
    const auto engines = check_engines(backend, flags.engines);
    checks.insert(checks.end(), engines.begin(), engines.end());
    checks.push_back(check_ufw(backend.ufw()));
    checks.push_back(check_tool(backend, "iptables"));
    checks.push_back(check_tool(backend, "nft"));
    checks.push_back(check_rescue(backend));
    checks.push_back(check_sensor(context));
    return checks;
}

Json check_json(const Check& check) {
    return {{"name", printable(check.name)},
            {"state", state_word(check.state)},
            {"what", printable(check.what)},
            {"advice", check.advice.empty() ? Json(nullptr) : Json(printable(check.advice))}};
}

std::string as_json(const std::vector<Check>& checks, bool lines) {
    Json items = Json::array();
    std::string each;
    for (const auto& check : checks) {
        items.push_back(check_json(check));
        each += items.back().dump() + "\n";
    }
    if (lines) return each;
    return Json{{"schema", "portlid.doctor/v1"}, {"items", std::move(items)}}.dump() + "\n";
}

Table as_table(const std::vector<Check>& checks) {
    Table table({{"CHECK"}, {"STATE"}, {"FOUND"}, {"ADVICE"}});
    for (const auto& check : checks)
        table.add({printable(check.name), state_cell(check.state), printable(check.what),
                   printable(check.advice)});
    return table;
}

// Long sentences read better below each other than in a column.
std::string checks_text(const std::vector<Check>& checks, bool color) {
    std::size_t widest = 0;
    for (const auto& check : checks) widest = std::max(widest, columns_of(printable(check.name)));
    std::string out;
    for (const auto& check : checks) {
        const auto name = printable(check.name);
        const auto cell = state_cell(check.state);
        out += name + std::string(widest + 2 - columns_of(name), ' ') +
               paint(cell.text, cell.color, color) + std::string(10 - cell.text.size(), ' ') +
               printable(check.what) + "\n";
        if (!check.advice.empty())
            out += std::string(widest + 2, ' ') + "next:     " + printable(check.advice) + "\n";
    }
    return out;
}

ExitCode exit_code(const std::vector<Check>& checks) {
    for (const auto& check : checks)
        if (check.state == CheckState::Missing)
            return ::geteuid() == 0 ? ExitCode::KernelMissing : ExitCode::NoPermission;
    return ExitCode::Ok;
}

Result<ExitCode> examine(Context& context, const DoctorFlags& flags) {
    const auto format = context.format({OutputFormat::Table, OutputFormat::Wide, OutputFormat::Json,
                                        OutputFormat::JsonLines, OutputFormat::Csv});
    if (!format) return pass_on(format.error());
    const auto checks = all_checks(context, flags);
    const bool lines = *format == OutputFormat::JsonLines;
    if (lines || *format == OutputFormat::Json)
        context.console.out(as_json(checks, lines));
    else if (*format == OutputFormat::Csv)
        context.console.out(as_table(checks).csv());
    else
        context.console.out(checks_text(checks, context.color()));
    return context.done(exit_code(checks));
}

}  // namespace

void add_doctor(CLI::App& root, Context& context) {
    auto& verb =
        add_verb(root, context,
                 {"doctor", "Watch", "What works on this machine, what is degraded, what to do",
                  kDoctorExamples});
    const auto flags = std::make_shared<DoctorFlags>();
    const auto many = CLI::MultiOptionPolicy::TakeAll;
    verb.add_option("--interface", flags->interfaces,
                    "Try how a packet program attaches there, for an instant (repeat)")
        ->type_name("IF")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.add_option("--docker", flags->engines, "Container engine to ask (repeat)")
        ->type_name("ENDPOINT")
        ->allow_extra_args(false)
        ->multi_option_policy(many);
    verb.callback([flags, &context] {
        context.action = [flags, &context] { return examine(context, *flags); };
    });
}

}  // namespace portlid::cli
