// SPDX-License-Identifier: Apache-2.0
// What a start opens before anything of the kernel: the log, the runtime directory's lock, the
// configuration, the sinks.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "app/config.hpp"
#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/options.hpp"
#include "app/policy_store.hpp"
#include "app/rollout.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace portlid::app {

// Messages go to stderr, stdout belongs to the events. Under a service manager the journal has
// the time already.
void open_log();

// One sensor a runtime directory, also while it is starting: the lock lives as long as the
// descriptor. Makes the directory.
[[nodiscard]] Result<UniqueFd> lock_runtime(const std::filesystem::path& directory);

// What a start with --last-good goes on without: a boot at which the host stands open is worse than
// one without its configuration or its sinks.
struct Missing {
    const char* what;  // "configuration", "sinks"
    Error error;
};

// Two sensors over one set of maps would put each other's work right for ever.
[[nodiscard]] Result<> require_free_pins(const RunOptions& options);

// The configuration file, and whether the engines of it and of the options can be asked. With
// --last-good one that cannot be used is noted in `missing`, and the defaults are given.
[[nodiscard]] Result<Config> read_config(const RunOptions& options, std::vector<Missing>& missing);

// The sinks of --events, else of the config, over the sequence and the spool of the state
// directory, which it makes. With --last-good each sink that cannot be opened is noted in `missing`
// and passed over; where the state directory takes nothing there are none, and events are numbered
// in the runtime directory.
[[nodiscard]] Result<std::unique_ptr<Emitter>> open_emitter(const RunOptions& options,
                                                            const Config& config,
                                                            std::vector<Missing>& missing);

// The interfaces that are covered, or should be, with their packet programs.
[[nodiscard]] std::vector<event::AttachedInterface> attached_interfaces(const Coverage& coverage);

// What is in force, on which interfaces: the events of a start, and the log.
void announce_start(const RunOptions& options, const PolicyStore& policies,
                    const Coverage& coverage, const Rollout& rollout, Emitter& emitter);

// The control socket was removed; null: it is there again.
void say_control_gone(Emitter& emitter, const Error* still);

// Interfaces or addresses changed, and what follows from it could not be done.
void say_network_problem(Emitter& emitter, const Error& error);

// Connections that were open before a zone began to enforce, and could not all be found.
void say_seed_problem(const PolicyStore& policies, Emitter& emitter);

// An event and a line of the log for each.
void say_missing(Emitter& emitter, const std::vector<Missing>& missing);

// A capability that is not held and without which less is seen: warned about, and an event.
void say_weaknesses(Emitter& emitter);

// What the process is from here on: without capabilities that it will not need, with one small
// heap, deaf to broken pipes, with as many descriptors as the hard limit allows.
void prepare_process();

}  // namespace portlid::app
