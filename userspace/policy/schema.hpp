// SPDX-License-Identifier: Apache-2.0
// The JSON Schema of the policy language, as policy/schema/policy.schema.json has it.
#pragma once

#include <string_view>

namespace portlid::policy {

[[nodiscard]] std::string_view schema_json();

}  // namespace portlid::policy
