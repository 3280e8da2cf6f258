// SPDX-License-Identifier: Apache-2.0
// The `status` document of contract §5.
#pragma once

#include <nlohmann/json.hpp>

#include "app/coverage.hpp"
#include "app/emitter.hpp"
#include "app/ledger.hpp"
#include "app/policy_store.hpp"
#include "app/rollout.hpp"
#include "identity/engine.hpp"

namespace portlid::app {

struct StatusInput {
    bool ready = false;
    const RunOptions* options = nullptr;
    const PolicyStore* policies = nullptr;
    const Rollout* rollout = nullptr;
    const Coverage* coverage = nullptr;
    kernel::Sensor* sensor = nullptr;  // may be null (sockets could not be loaded is no sensor)
    Emitter* emitter = nullptr;
    const Ledger* ledger = nullptr;
    std::vector<std::shared_ptr<const identity::EngineSnapshot>> engines;
    std::shared_ptr<const nat::Rules> nat;
};

// Each hook with its state and, when it is not attached, why.
[[nodiscard]] nlohmann::ordered_json hooks_json(const std::vector<kernel::HookState>& hooks);
[[nodiscard]] nlohmann::ordered_json status(const StatusInput& input);

}  // namespace portlid::app
