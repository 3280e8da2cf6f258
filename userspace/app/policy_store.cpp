// SPDX-License-Identifier: Apache-2.0
#include "app/policy_store.hpp"

#include <algorithm>

#include "app/seed.hpp"
#include "event/decode.hpp"

namespace portlid::app {

namespace {

constexpr std::size_t kGenerationsNamed = 4;

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

Result<> PolicyStore::load(std::vector<event::PolicyError>* errors) {
    auto outcome = policy::load_file(file_, {.check_ownership = true});
    if (errors != nullptr) *errors = as_errors(outcome);
    if (!outcome.ok()) return pass_on(refusal(file_, outcome));
    auto compiled = policy::compile(outcome.policy, {.cap_to_monitor = capped()});
    if (!compiled) {
        auto error = compiled.error();
        error.code = ExitCode::PolicyInvalid;
        if (errors != nullptr) errors->push_back({file_.string(), 0, 0, error.message, error.hint});
        return pass_on(error, "compile " + file_.string());
    }
    warnings_.clear();
    std::copy_if(outcome.diagnostics.begin(), outcome.diagnostics.end(),
                 std::back_inserter(warnings_), [](const auto& found) { return found.warning; });
    next_model_ = std::move(outcome.policy);
    next_ = std::move(*compiled);
    return {};
}

Result<> PolicyStore::publish(kernel::Sensor* sensor,
                              std::span<const kernel::Sensor::ZoneOfInterface> zones) {
    std::uint64_t generation = generation_ + 1;
    if (sensor != nullptr) {
        sensor->place_interfaces(*next_.image, zones);
        auto published = publish_honouring_open_flows(*sensor, next_);
        if (!published) return pass_on(published.error(), "publish " + file_.string());
        generation = published->generation;
        seed_problem_ = std::move(published->seed_problem);
    }
    generation_ = generation;
    model_ = std::move(next_model_);
    compiled_ = std::move(next_);
    names_.emplace_front(generation, compiled_.rules);
    if (names_.size() > kGenerationsNamed) names_.pop_back();
    return {};
}

const char* PolicyStore::requested_mode() const {
    const auto wants = [this](const policy::Zone& zone) {
        if (policy::mode_of(model_, zone) == policy::Mode::Enforce) return true;
        return std::any_of(model_.services.begin(), model_.services.end(), [&](const auto& s) {
            return policy::mode_of(model_, zone, s) == policy::Mode::Enforce;
        });
    };
    const bool any = std::any_of(model_.zones.begin(), model_.zones.end(), wants);
    return any ? "enforce" : "monitor";
}

const char* PolicyStore::effective_mode() const {
    return compiled_.image && policy::enforces(*compiled_.image) ? "enforce" : "monitor";
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
