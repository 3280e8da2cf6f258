// SPDX-License-Identifier: Apache-2.0
#include "app/start.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>

#include "app/engines.hpp"
#include "kernel/capabilities.hpp"
#include "kernel/pin_directory.hpp"
#include "sink/sink.hpp"

namespace portlid::app {

namespace {

Result<> make_directory(const std::filesystem::path& path) {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (!failed) return {};
    const bool rights = failed.value() == EACCES || failed.value() == EPERM;
    return fail_errno("cannot create " + path.string(), failed.value(),
                      rights ? "run it as root: sudo portlid run" : "",
                      rights ? ExitCode::NoPermission : ExitCode::Failed);
}

// Docker is asked as soon as it is there: the sensor starts before it, and owners of ports and
// labels rest on its answers. Nothing of the history is cut by limits that nobody wrote.
Config without_configuration() {
    Config config;
    config.engines = {"unix:///run/docker.sock"};
    config.engines_given = true;
    config.history = {std::chrono::hours(24 * 3650), std::uint64_t{64} << 30U};
    return config;
}

Result<std::vector<sink::SinkSpec>> wanted_sinks(const RunOptions& options, const Config& config) {
    if (options.events.empty()) return config.sinks;
    return sink::parse_specs(options.events);
}

// Numbers, spool and losses are kept in `state`; `specs` null: no sinks, and what the spool knows
// of losses stays as it is.
Result<std::unique_ptr<Emitter>> emitter_at(const RunOptions& options,
                                            const std::filesystem::path& state,
                                            const std::vector<sink::SinkSpec>* specs,
                                            const sink::PassOver& pass_over) {
    if (auto made = make_directory(state); !made) return pass_on(made.error());
    // Pages in memory go by their name: those of another directory are not touched.
    const bool usual = state == options.state_dir;
    auto sinks = sink::FanOut::open((state / "sequence").string(),
                                    usual ? options.runtime_dir / "pages" : state / "pages");
    if (!sinks) return pass_on(sinks.error());
    if (specs != nullptr)
        if (auto added = sink::add_sinks(**sinks, *specs, state / "spool", pass_over); !added)
            return pass_on(added.error());
    auto losses = sink::Cursor::open((state / "ring.losses").string(), {}, (*sinks)->keeper());
    if (!losses) return pass_on(losses.error());
    return std::make_unique<Emitter>(std::move(*sinks), std::move(*losses));
}

}  // namespace

void open_log() {
    auto log = std::make_shared<spdlog::logger>(
        "portlid", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    log->set_pattern("portlid: %^%l%$: %v");
    spdlog::set_default_logger(std::move(log));
}

Result<UniqueFd> lock_runtime(const std::filesystem::path& directory) {
    if (auto made = make_directory(directory); !made) return pass_on(made.error());
    const auto path = directory / "lock";
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid())
        return fail_errno("cannot open " + path.string(), errno, "run it as root: sudo portlid run",
                          errno == EACCES ? ExitCode::NoPermission : ExitCode::Failed);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("another sensor is running with " + directory.string(),
                    "portlid status, or give this one its own --runtime-dir, --bpffs and "
                    "--state-dir");
    return fd;
}

Result<> require_free_pins(const RunOptions& options) {
    if (!kernel::pins_are_held(options.bpffs)) return {};
    return fail("another sensor is running with the pins under " + options.bpffs.string(),
                "stop it, or give this one its own --bpffs, --runtime-dir and --state-dir");
}

Result<Config> read_config(const RunOptions& options, std::vector<Missing>& missing) {
    auto config = load_config(options.config, options.config_given).and_then([&](Config loaded) {
        return Engines::check(options, loaded).map([&] { return std::move(loaded); });
    });
    if (config || !options.last_good) return config;
    missing.push_back({"configuration", config.error()});
    const auto instead = without_configuration();
    if (auto usable = Engines::check(options, instead); !usable) return pass_on(usable.error());
    return instead;
}

Result<std::unique_ptr<Emitter>> open_emitter(const RunOptions& options, const Config& config,
                                              std::vector<Missing>& missing) {
    auto specs = wanted_sinks(options, config);
    if (!specs) return pass_on(specs.error());
    if (!options.last_good) return emitter_at(options, options.state_dir, &*specs, {});
    const auto pass_over = [&](const sink::SinkSpec& spec, const Error& error) {
        missing.push_back({"sinks", error});
        missing.back().error.message = spec.name + ": " + error.message;
    };
    auto emitter = emitter_at(options, options.state_dir, &*specs, pass_over);
    if (emitter) return emitter;
    missing.push_back({"sinks", emitter.error()});
    emitter = emitter_at(options, options.state_dir, nullptr, {});
    if (emitter) return emitter;
    return emitter_at(options, options.runtime_dir / "state", nullptr, {});
}

std::vector<event::AttachedInterface> attached_interfaces(const Coverage& coverage) {
    std::vector<event::AttachedInterface> list;
    for (const auto& [index, covered] : coverage.interfaces()) {
        const auto& state = covered.state;
        const std::string attach = state.attached ? kernel::to_string(*state.attached) : "none";
        list.push_back(
            {covered.link.name, covered.zone, attach, coverage.mode_of(covered), state.why});
    }
    return list;
}

void announce_start(const RunOptions& options, const PolicyStore& policies,
                    const Coverage& coverage, const Rollout& rollout, Emitter& emitter) {
    const auto list = attached_interfaces(coverage);
    for (const auto& one : list)
        spdlog::info("{} (zone {}): {}{}{}", one.name, one.zone, one.attach,
                     one.why.empty() ? "" : ", ", one.why);
    if (list.empty() && !options.sockets_only)
        spdlog::warn("no interface is covered: no zone of {} takes one", options.policy.string());
    for (const auto& warning : rollout.warnings()) spdlog::warn("{}", policy::to_string(warning));
    auto started = event::sensor_started_body(emitter.origin(), policies.requested_mode(),
                                              policies.effective_mode(), list);
    if (const auto& rescue = policies.rescue(); rescue.asked()) {
        started["why"] = "rescue: " + rescue.why + "; to leave: " + rescue.leave;
        spdlog::warn("rescue: {}: nothing is dropped; to leave: {}", rescue.why, rescue.leave);
    }
    emitter.emit(event::Kind::SensorStarted, std::move(started));
    emitter.emit(event::Kind::PolicyLoaded,
                 event::policy_loaded_body(emitter.origin(), options.policy.string(),
                                           policies.effective_mode(), 0));
}

void say_control_gone(Emitter& emitter, const Error* still) {
    const std::string why = "somebody removed the control socket";
    const auto then = still == nullptr ? "it is open again; find out who removed it"
                                       : "it cannot be opened again: " + still->message;
    spdlog::error("{}; {}", why, then);
    emitter.emit(event::Kind::TamperDetected,
                 event::sensor_degraded_body(emitter.origin(), "control socket", why, then));
}

void say_network_problem(Emitter& emitter, const Error& error) {
    emitter.emit(
        event::Kind::SensorDegraded,
        event::sensor_degraded_body(emitter.origin(), "network", error.message, error.hint));
}

void say_seed_problem(const PolicyStore& policies, Emitter& emitter) {
    const auto& problem = policies.seed_problem();
    if (problem.empty()) return;
    spdlog::warn("open connections to closed ports may have been cut: {}", problem);
    emitter.emit(event::Kind::SensorDegraded,
                 event::sensor_degraded_body(
                     emitter.origin(), "existing", problem,
                     "connections that were open when the zone began to enforce may be cut"));
}

void say_missing(Emitter& emitter, const std::vector<Missing>& missing) {
    for (const auto& [what, error] : missing) {
        spdlog::error("{}; started without its {}", error.message, what);
        emitter.emit(event::Kind::SensorDegraded,
                     event::sensor_degraded_body(emitter.origin(), what, error.message,
                                                 error.hint.empty()
                                                     ? "mend it and restart the sensor"
                                                     : error.hint + ", then restart the sensor"));
    }
}

void say_weaknesses(Emitter& emitter) {
    const auto effective = kernel::effective_capabilities();
    if (!effective) return;
    for (const auto& why : kernel::weaker_without(*effective)) {
        spdlog::warn("{}", why);
        emitter.emit(event::Kind::SensorDegraded,
                     event::sensor_degraded_body(
                         emitter.origin(), "capabilities", why,
                         "give it to the sensor, or accept that; `portlid doctor` tells more"));
    }
}

void prepare_process() {
    if (auto given_up = kernel::drop_capabilities(); !given_up)
        spdlog::warn("{}", given_up.error().message);
    // Few threads, small heaps: one arena is enough and keeps the resident set flat.
    ::mallopt(M_ARENA_MAX, 1);
    // The start fills and frees big tables: faulting in fresh pages each time is what costs.
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
    std::signal(SIGPIPE, SIG_IGN);
    // Big source lists hold a descriptor for every 4,096 nodes.
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace portlid::app
