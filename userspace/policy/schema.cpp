// SPDX-License-Identifier: Apache-2.0
#include "policy/schema.hpp"

#include "policy_schema_text.hpp"  // made by CMake from the .json file

namespace portlid::policy {

std::string_view schema_json() {
    return kPolicySchemaText;
}

}  // namespace portlid::policy
