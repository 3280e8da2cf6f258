// SPDX-License-Identifier: Apache-2.0
#include "app/engines.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <filesystem>

namespace portlid::app {

namespace {

constexpr const char* kDockerSocket = "/run/docker.sock";

// The command line, else portlid.yaml, else Docker's own socket where there is one.
std::vector<std::string> endpoints(const RunOptions& options, const Config& config) {
    if (options.no_docker) return {};
    if (!options.docker.empty()) return options.docker;
    if (config.engines_given) return config.engines;
    std::error_code ignored;
    if (!std::filesystem::exists(kDockerSocket, ignored)) return {};
    return {std::string("unix://") + kDockerSocket};
}

bool answered(const std::shared_ptr<const identity::EngineSnapshot>& snapshot) {
    return snapshot->version != 0 || !snapshot->problem.empty();
}

}  // namespace

Result<> Engines::check(const RunOptions& options, const Config& config) {
    for (const auto& endpoint : endpoints(options, config))
        if (auto usable = identity::check_endpoint(endpoint); !usable)
            return pass_on(usable.error(), "--docker " + endpoint);
    return {};
}

Engines::Engines(const RunOptions& options, const Config& config)
    : notice_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const int notice = notice_.get();
    for (const auto& endpoint : endpoints(options, config))
        watchers_.push_back(std::make_unique<identity::EngineWatcher>(
            endpoint, [notice] { ::eventfd_write(notice, 1); }));
}

EngineSnapshots Engines::snapshots() const {
    EngineSnapshots list;
    for (const auto& watcher : watchers_) list.push_back(watcher->snapshot());
    return list;
}

EngineSnapshots Engines::drain() {
    eventfd_t ignored = 0;
    ::eventfd_read(notice_.get(), &ignored);
    return snapshots();
}

void Engines::wait_first(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (true) {
        const auto list = drain();
        if (std::all_of(list.begin(), list.end(), answered)) return;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        pollfd waiting{notice_.get(), POLLIN, 0};
        ::poll(&waiting, 1, static_cast<int>(left.count()));
    }
}

}  // namespace portlid::app
