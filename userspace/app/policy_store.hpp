// SPDX-License-Identifier: Apache-2.0
// The policy in force: text -> model -> image -> generation. Whatever goes wrong on the way, the
// generation in force stays in force. What follows it by itself (an unconfirmed policy gives way,
// an opening ends) is published with it, as stages.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/options.hpp"
#include "app/rescue.hpp"
#include "base/clock.hpp"
#include "event/build.hpp"
#include "policy/compile.hpp"
#include "policy/load.hpp"

namespace portlid::app {

// A policy as a file has it, checked; not in force.
struct Candidate {
    policy::Policy policy;
    std::string text_hash;
    std::filesystem::path file;
    std::vector<policy::Diagnostic> warnings;
    std::shared_ptr<policy::CompiledPolicy> compiled;  // of `policy`; null: not kept
};

// One stage of what is to be in force.
struct StageSpec {
    policy::Policy policy;
    std::shared_ptr<policy::CompiledPolicy> compiled;  // of `policy`
    std::uint64_t generation = 0;
    std::optional<BootTime> until;  // none only on the last one
};

class PolicyStore {
public:
    PolicyStore(std::filesystem::path file, ModeCap cap) : file_(std::move(file)), cap_(cap) {}

    // Reads, checks and compiles `file`; on failure the Error (exit code 5) lists every diagnostic,
    // and `errors` gets them one by one when given.
    [[nodiscard]] Result<Candidate> read(const std::filesystem::path& file,
                                         std::vector<event::PolicyError>* errors = nullptr) const;
    using Compiled = std::shared_ptr<policy::CompiledPolicy>;
    [[nodiscard]] Result<Compiled> compile(const policy::Policy& policy) const;
    // From now on compile() makes images that only monitor; {} ends that. What was compiled before
    // stays as it is.
    void set_rescue(Rescue rescue) { rescue_ = std::move(rescue); }
    [[nodiscard]] const Rescue& rescue() const { return rescue_; }

    // Puts the stages in force through `sensor` (none: sockets only, kept here alone), each with
    // the zones that attached interfaces have under it.
    using ZonesUnder =
        std::function<std::vector<kernel::Sensor::ZoneOfInterface>(const policy::Policy&)>;
    [[nodiscard]] Result<> publish(kernel::Sensor* sensor, std::vector<StageSpec> stages,
                                   const ZonesUnder& zones);
    // The kernel has gone on to the next stage when an instant has passed: follows it. True when
    // something changed.
    bool follow(BootTime now);

    [[nodiscard]] const policy::Policy& model() const { return live_.front().policy; }
    // What is in force at `when` if nobody touches anything until then.
    [[nodiscard]] const StageSpec& in_force_at(BootTime when) const;
    // The one in force and what is published to follow it.
    [[nodiscard]] std::vector<const policy::Policy*> staged() const;
    [[nodiscard]] const policy::CompiledPolicy& compiled() const { return *live_.front().compiled; }
    [[nodiscard]] std::uint64_t generation() const { return live_.front().generation; }
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    // Nothing is dropped, whatever the policy says: --mode monitor, or a rescue.
    [[nodiscard]] bool capped() const { return cap_ == ModeCap::Monitor || rescue_.asked(); }
    // What the policy asks for, and what can happen here: "monitor" or "enforce".
    [[nodiscard]] const char* requested_mode() const;
    [[nodiscard]] const char* effective_mode() const;
    // Why the last flip to enforcing may have cut open flows of containers; empty: it did not.
    [[nodiscard]] const std::string& seed_problem() const { return seed_problem_; }
    // A rule of this or an earlier generation; a built-in one is named after `why`.
    [[nodiscard]] policy::RuleName rule(std::uint64_t generation, std::uint16_t index,
                                        reason why) const;

private:
    void remember_names(const StageSpec& live);
    static std::deque<StageSpec> nothing_yet();

    std::filesystem::path file_;
    ModeCap cap_;
    Rescue rescue_;
    std::deque<StageSpec> live_ = nothing_yet();  // the front one is in force
    std::string seed_problem_;
    // Names of the last generations, for verdicts that were on their way when the policy changed.
    std::deque<std::pair<std::uint64_t, std::vector<policy::RuleName>>> names_;
};

}  // namespace portlid::app
