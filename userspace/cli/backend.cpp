// SPDX-License-Identifier: Apache-2.0
#include "cli/backend.hpp"

#include <system_error>

#include "app/run.hpp"
#include "control/client.hpp"
#include "identity/engine.hpp"
#include "kernel/pin_directory.hpp"

namespace portlid::cli {

namespace {

constexpr std::size_t kEngineAnswerBytes = 1U << 20U;

}  // namespace

Result<> SystemBackend::run(const app::RunOptions& options) {
    return app::run(options);
}

Result<std::string> SystemBackend::get(const std::string& socket, const std::string& path) {
    return control::Client(socket).get(path);
}

Result<std::string> SystemBackend::post(const std::string& socket, const std::string& path,
                                        const std::string& body) {
    return control::Client(socket).post(path, body);
}

Result<> SystemBackend::stream(const std::string& socket, const std::string& path,
                               const std::function<bool(std::string_view)>& on_line) {
    return control::Client(socket).stream(path, on_line);
}

Result<kernel::DetachReport> SystemBackend::detach(const std::filesystem::path& bpffs) {
    if (kernel::pins_are_held(bpffs))
        return fail("a sensor is running with the pins under " + bpffs.string(),
                    "stop it first, with --on-exit detach it takes everything with it");
    return kernel::detach_pins(bpffs);
}

std::vector<kernel::Check> SystemBackend::probe_kernel() {
    return kernel::probe_kernel();
}

kernel::Check SystemBackend::probe_interface(const std::string& name) {
    return kernel::probe_interface(name);
}

Result<std::string> SystemBackend::ask_engine(const std::string& endpoint,
                                              const std::string& path) {
    return identity::engine_get(endpoint, path, kEngineAnswerBytes);
}

inventory::Ufw SystemBackend::ufw() {
    return inventory::Ufw::read();
}

bool SystemBackend::exists(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

app::Rescue SystemBackend::rescue() {
    const app::RunOptions defaults;
    return app::find_rescue(defaults.kernel_cmdline, defaults.rescue_file);
}

}  // namespace portlid::cli
