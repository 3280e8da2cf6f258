// SPDX-License-Identifier: Apache-2.0
#include "app/policy_store.hpp"

#include <algorithm>

#include "app/seed.hpp"
#include "event/decode.hpp"

namespace portlid::app {

namespace {

constexpr std::size_t kGenerationsNamed = 8;

Error refusal(const std::filesystem::path& file, const policy::LoadOutcome& outcome) {
    Error error;
    error.code = ExitCode::PolicyInvalid;
    error.message = "the policy " + file.string() + " is refused";
    for (const auto& diagnostic : outcome.diagnostics) {
        if (diagnostic.warning) continue;
        error.message += "\n  " + policy::to_string(diagnostic);
        if (!diagnostic.hint.empty()) error.message += " (" + diagnostic.hint + ")";
    }
    error.hint = "portlid policy check " + file.string();
    return error;
}

std::vector<event::PolicyError> as_errors(const policy::LoadOutcome& outcome) {
    std::vector<event::PolicyError> errors;
    for (const auto& found : outcome.diagnostics)
        if (!found.warning)
            errors.push_back({found.file, found.line, found.column, found.message, found.hint});
    return errors;
}

}  // namespace

Result<Candidate> PolicyStore::read(const std::filesystem::path& file,
                                    std::vector<event::PolicyError>* errors) const {
    auto outcome = policy::load_file(file, {.check_ownership = true});
    if (errors != nullptr) *errors = as_errors(outcome);
    if (!outcome.ok()) return pass_on(refusal(file, outcome));
    Candidate candidate{std::move(outcome.policy), std::move(outcome.text_hash), file, {}, {}};
    std::copy_if(outcome.diagnostics.begin(), outcome.diagnostics.end(),
                 std::back_inserter(candidate.warnings),
                 [](const auto& found) { return found.warning; });
    auto compiled = compile(candidate.policy);
    if (!compiled) {
        const auto& error = compiled.error();
        if (errors != nullptr) errors->push_back({file.string(), 0, 0, error.message, error.hint});
        return pass_on(error, "compile " + file.string());
    }
    candidate.compiled = std::move(*compiled);
    return candidate;
}

std::deque<StageSpec> PolicyStore::nothing_yet() {
    std::deque<StageSpec> live(1);
    live.front().compiled = std::make_shared<policy::CompiledPolicy>();
    return live;
}

Result<PolicyStore::Compiled> PolicyStore::compile(const policy::Policy& policy) const {
    auto compiled = policy::compile(policy, {.cap_to_monitor = capped()});
    if (compiled) return std::make_shared<policy::CompiledPolicy>(std::move(*compiled));
    auto error = compiled.error();
    error.code = ExitCode::PolicyInvalid;
    return pass_on(std::move(error));
}

Result<> PolicyStore::publish(kernel::Sensor* sensor, std::vector<StageSpec> stages,
                              const ZonesUnder& zones) {
    if (sensor != nullptr) {
        std::vector<kernel::Stage> images;
        for (const auto& stage : stages) {
            auto& places = stage.compiled->image->interface_zones;
            std::fill(std::begin(places), std::end(places), 0);  // of an earlier publication
            sensor->place_interfaces(*stage.compiled->image, zones(stage.policy));
            images.push_back(
                {stage.compiled.get(), stage.generation, stage.until ? stage.until->ns : 0});
        }
        auto published = publish_honouring_open_flows(*sensor, images);
        if (!published) return pass_on(published.error(), "publish");
        seed_problem_ = std::move(published->seed_problem);
    }
    live_.assign(std::make_move_iterator(stages.begin()), std::make_move_iterator(stages.end()));
    for (const auto& live : live_) remember_names(live);
    return {};
}

bool PolicyStore::follow(BootTime now) {
    bool moved = false;
    while (live_.size() > 1 && live_.front().until && *live_.front().until < now) {
        live_.pop_front();
        moved = true;
    }
    return moved;
}

const StageSpec& PolicyStore::in_force_at(BootTime when) const {
    const auto last = std::prev(live_.end());
    return *std::find_if(live_.begin(), last,
                         [&](const auto& stage) { return *stage.until > when; });
}

std::vector<const policy::Policy*> PolicyStore::staged() const {
    std::vector<const policy::Policy*> all;
    for (const auto& live : live_) all.push_back(&live.policy);
    return all;
}

void PolicyStore::remember_names(const StageSpec& live) {
    std::erase_if(names_, [&](const auto& known) { return known.first == live.generation; });
    names_.emplace_front(live.generation, live.compiled->rules);
    if (names_.size() > kGenerationsNamed) names_.pop_back();
}

const char* PolicyStore::requested_mode() const {
    const auto& policy = model();
    const auto wants = [&policy](const policy::Zone& zone) {
        if (policy::mode_of(policy, zone) == policy::Mode::Enforce) return true;
        return std::any_of(policy.services.begin(), policy.services.end(), [&](const auto& s) {
            return policy::mode_of(policy, zone, s) == policy::Mode::Enforce;
        });
    };
    const bool any = std::any_of(policy.zones.begin(), policy.zones.end(), wants);
    return any ? "enforce" : "monitor";
}

const char* PolicyStore::effective_mode() const {
    return compiled().image && policy::enforces(*compiled().image) ? "enforce" : "monitor";
}

policy::RuleName PolicyStore::rule(std::uint64_t generation, std::uint16_t index,
                                   reason why) const {
    const policy::RuleName built_in{std::string("built-in ") + event::reason_word(why), "built-in"};
    if (index == 0) return built_in;
    for (const auto& [number, names] : names_)
        if (number == generation && index < names.size()) return names[index];
    return built_in;
}

}  // namespace portlid::app
