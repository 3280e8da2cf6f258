// SPDX-License-Identifier: Apache-2.0
#include "app/caller.hpp"

#include "base/text.hpp"
#include "identity/proc_dir.hpp"
#include "identity/process.hpp"

namespace portlid::app {

namespace {

constexpr std::size_t kEnvironBytes = 256U << 10U;
constexpr unsigned kAncestors = 32;
constexpr std::string_view kName = "SSH_CONNECTION=";

std::string value_in(const std::string& environment) {
    for (const auto entry : split(environment, '\0'))
        if (entry.substr(0, kName.size()) == kName) return std::string(entry.substr(kName.size()));
    return {};
}

}  // namespace

std::string ssh_connection_of(std::uint32_t pid, const std::filesystem::path& proc) {
    const identity::ProcRoot root(proc);
    for (unsigned step = 0; step < kAncestors && pid > 1; ++step) {
        const identity::ProcDir directory(proc / std::to_string(pid));
        const auto environment = directory.file("environ", kEnvironBytes);
        if (environment)
            if (auto value = value_in(*environment); !value.empty()) return value;
        const auto process = root.read(pid);
        if (!process) return {};
        pid = process->ppid;
    }
    return {};
}

}  // namespace portlid::app
