// SPDX-License-Identifier: Apache-2.0
// What a start opens before anything of the kernel: the log, the runtime directory's lock, the
// sinks.
#pragma once

#include <filesystem>
#include <memory>

#include "app/config.hpp"
#include "app/emitter.hpp"
#include "app/options.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

// Messages go to stderr, stdout belongs to the events. Under a service manager the journal has
// the time already.
void open_log();

// One sensor a runtime directory, also while it is starting: the lock lives as long as the
// descriptor. Makes the directory.
[[nodiscard]] Result<UniqueFd> lock_runtime(const std::filesystem::path& directory);

// The sinks of --events, else of the config, over the sequence and the spool of the state
// directory, which it makes.
[[nodiscard]] Result<std::unique_ptr<Emitter>> open_emitter(const RunOptions& options,
                                                            const Config& config);

// A capability that is not held and without which less is seen: warned about, and an event.
void say_weaknesses(Emitter& emitter);

}  // namespace portlid::app
