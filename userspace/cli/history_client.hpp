// SPDX-License-Identifier: Apache-2.0
// What the sensor's history holds, page by page (GET /v1/history).
#pragma once

#include "base/clock.hpp"
#include "cli/context.hpp"
#include "history/flow.hpp"
#include "policy/model.hpp"

namespace portlid::cli {

// Each line of what=events or what=flows since then, until `on_line` says false. `more` is appended
// to the question: "&kind=net.*".
[[nodiscard]] Result<> read_history(Context& context, const std::string& what, WallTime since,
                                    const std::string& more,
                                    const std::function<bool(std::string_view)>& on_line);
// Flows, sorted by source; one that cannot be understood is an error.
[[nodiscard]] Result<> read_flows(Context& context, WallTime since,
                                  const std::function<void(const history::Flow&)>& on_flow);

// --since and --replay: how long ago; the flag has been checked to be a duration. Longer ago than
// 1970 is 1970.
[[nodiscard]] WallTime ago(const std::string& duration);

// The policy that the sensor has in force, without what was changed at run time.
struct InForce {
    policy::Policy policy;
    std::string name;  // "generation 12"
};
[[nodiscard]] Result<InForce> policy_in_force(Context& context);

// The verb that lives of it.
void add_learn(CLI::App& root, Context& context);

}  // namespace portlid::cli
