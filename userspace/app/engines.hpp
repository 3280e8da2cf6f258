// SPDX-License-Identifier: Apache-2.0
// The container engines that are followed, and one descriptor that tells of news from any of them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "app/observer.hpp"
#include "app/options.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

class Engines {
public:
    // Starts to follow them; see endpoints() for which.
    Engines(const RunOptions& options, const Config& config);

    // Refuses an endpoint that is no unix socket (exit code 2) before anything is attached.
    [[nodiscard]] static Result<> check(const RunOptions& options, const Config& config);

    [[nodiscard]] int fd() const { return notice_.get(); }  // readable: drain() has news
    [[nodiscard]] EngineSnapshots drain();
    [[nodiscard]] EngineSnapshots snapshots() const;
    // Until every engine has answered or failed once, at most `limit`.
    void wait_first(std::chrono::milliseconds limit);

private:
    UniqueFd notice_;  // an eventfd, written by the watchers' threads
    std::vector<std::unique_ptr<identity::EngineWatcher>> watchers_;
};

}  // namespace portlid::app
