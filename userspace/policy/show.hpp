// SPDX-License-Identifier: Apache-2.0
// The normal form of a policy: one document, keys in one order, defaults written out, includes
// merged. Loads again (in the same directory, for set files) to the same image and hash.
#pragma once

#include <string>

#include "policy/model.hpp"

namespace portlid::policy {

enum class ShowTests : bool { No, Yes };

[[nodiscard]] std::string show(const Policy& policy, ShowTests tests = ShowTests::Yes);

}  // namespace portlid::policy
