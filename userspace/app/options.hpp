// SPDX-License-Identifier: Apache-2.0
// Every flag of `portlid run` (contract §1) as a value: filled by cli/, read by app/. What is
// empty was not given on the command line, and the default named beside it applies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kernel/sensor.hpp"

namespace portlid::app {

// --mode: a cap. Monitor never drops whatever the policy says; Enforce does what it says.
enum class ModeCap : std::uint8_t { Monitor, Enforce };
// --on-exit: what SIGTERM leaves behind.
enum class OnExit : std::uint8_t { Detach, Keep };
// -o and --color, as resolved by cli/ (a terminal, NO_COLOR and TERM are already looked at).
enum class OutputFormat : std::uint8_t { Table, Wide, Json, JsonLines, Csv, Tap };

struct RunOptions {
    std::filesystem::path policy = "/etc/portlid/policy.yaml";  // missing or invalid: exit 5
    std::filesystem::path config = "/etc/portlid/portlid.yaml";
    bool config_given = false;  // false: the default file may be absent

    ModeCap mode_cap = ModeCap::Enforce;
    std::vector<std::string> interfaces;  // only these of the zones' interfaces; empty: all
    bool sockets_only = false;            // --interface none: no packet program at all
    kernel::AttachKind attach = kernel::AttachKind::Auto;

    std::vector<std::string> events;  // sink specs as written; empty: the config's sinks
    std::filesystem::path state_dir = "/var/lib/portlid";
    std::filesystem::path runtime_dir = "/run/portlid";
    std::filesystem::path bpffs = "/sys/fs/bpf/portlid";
    std::filesystem::path kernel_cmdline = "/proc/cmdline";      // see rescue.hpp
    std::filesystem::path rescue_file = "/etc/portlid/monitor";  // likewise
    std::filesystem::path cgroup;     // empty: the cgroup v2 mount, found
    std::vector<std::string> docker;  // engine endpoints; empty: config, else docker.sock if there
    bool no_docker = false;           // --docker none

    bool last_good =
        false;  // --last-good: a policy that cannot be loaded is no reason not to start

    bool once = false;  // attach, sweep, hand the table to on_ports, detach, return
    OnExit on_exit = OnExit::Detach;
    bool show_ports = false;  // also hand the first table to on_ports when the sensor is ready

    OutputFormat output = OutputFormat::Table;
    bool color = false;

    // Gets the document of `GET /v1/ports` (contract §5) and shows it; set by cli/.
    std::function<void(const std::string& ports_json)> on_ports;
};

}  // namespace portlid::app
