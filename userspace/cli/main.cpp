// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "cli/program.hpp"

int main(int argc, char** argv) {
    // A reader that goes away is an errno at the write, not the end of the sensor.
    std::signal(SIGPIPE, SIG_IGN);
    portlid::cli::SystemBackend backend;
    portlid::cli::ProcessConsole console;
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return static_cast<int>(portlid::cli::run_program(arguments, backend, console));
}
