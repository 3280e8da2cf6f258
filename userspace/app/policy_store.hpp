// SPDX-License-Identifier: Apache-2.0
// The policy in force: text -> model -> image -> generation. Whatever goes wrong on the way, the
// generation in force stays in force.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "app/options.hpp"
#include "event/build.hpp"
#include "policy/compile.hpp"
#include "policy/load.hpp"

namespace portlid::app {

class PolicyStore {
public:
    PolicyStore(std::filesystem::path file, ModeCap cap) : file_(std::move(file)), cap_(cap) {}

    // Reads and compiles the file; on failure nothing changes and the Error (exit code 5) lists
    // every diagnostic. `errors` gets them one by one when given.
    [[nodiscard]] Result<> load(std::vector<event::PolicyError>* errors = nullptr);
    // What load() read and publish() has not put in force yet.
    [[nodiscard]] const policy::Policy& loaded() const { return next_model_; }
    // Puts what load() compiled in force through `sensor` (none: sockets only, kept here alone),
    // together with the zones that attached interfaces have under it.
    [[nodiscard]] Result<> publish(kernel::Sensor* sensor,
                                   std::span<const kernel::Sensor::ZoneOfInterface> zones = {});

    [[nodiscard]] const policy::Policy& model() const { return model_; }
    [[nodiscard]] const policy::CompiledPolicy& compiled() const { return compiled_; }
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    [[nodiscard]] bool capped() const { return cap_ == ModeCap::Monitor; }
    // What the policy asks for, and what can happen here: "monitor" or "enforce".
    [[nodiscard]] const char* requested_mode() const;
    [[nodiscard]] const char* effective_mode() const;
    // Warnings of the last load.
    [[nodiscard]] const std::vector<policy::Diagnostic>& warnings() const { return warnings_; }
    // Why the last flip to enforcing may have cut open flows of containers; empty: it did not.
    [[nodiscard]] const std::string& seed_problem() const { return seed_problem_; }
    // A rule of this or an earlier generation; a built-in one is named after `why`.
    [[nodiscard]] policy::RuleName rule(std::uint64_t generation, std::uint16_t index,
                                        reason why) const;

private:
    std::filesystem::path file_;
    ModeCap cap_;
    policy::Policy next_model_, model_;
    policy::CompiledPolicy next_, compiled_;
    std::vector<policy::Diagnostic> warnings_;
    std::uint64_t generation_ = 0;
    std::string seed_problem_;
    // Names of the last generations, for verdicts that were on their way when the policy changed.
    std::deque<std::pair<std::uint64_t, std::vector<policy::RuleName>>> names_;
};

}  // namespace portlid::app
