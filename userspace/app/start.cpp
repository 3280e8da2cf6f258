// SPDX-License-Identifier: Apache-2.0
#include "app/start.hpp"

#include <fcntl.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>

#include <cerrno>

#include "kernel/capabilities.hpp"
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

Result<std::unique_ptr<Emitter>> open_emitter(const RunOptions& options, const Config& config) {
    if (auto made = make_directory(options.state_dir); !made) return pass_on(made.error());
    auto sinks = sink::FanOut::open((options.state_dir / "sequence").string(),
                                    options.runtime_dir / "pages");
    if (!sinks) return pass_on(sinks.error());
    std::vector<sink::SinkSpec> specs;
    for (const auto& text : options.events) {
        auto spec = sink::parse_spec(text);
        if (!spec) return pass_on(spec.error(), "--events " + text);
        specs.push_back(std::move(*spec));
    }
    if (specs.empty()) specs = config.sinks;
    if (auto added = sink::add_sinks(**sinks, specs, options.state_dir / "spool"); !added)
        return pass_on(added.error());
    auto losses =
        sink::Cursor::open((options.state_dir / "ring.losses").string(), {}, (*sinks)->keeper());
    if (!losses) return pass_on(losses.error());
    return std::make_unique<Emitter>(std::move(*sinks), std::move(*losses));
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

}  // namespace portlid::app
