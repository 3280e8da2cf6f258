// SPDX-License-Identifier: Apache-2.0
// What `policy check` prints: the JSON of the contract (§5) and the page for people.
#pragma once

#include <string>

#include "policy/load.hpp"

namespace portlid::policy {

// {"schema":"portlid.check/v1","ok":...,"errors":[...],"warnings":[...]}, one line.
[[nodiscard]] std::string check_json(const LoadOutcome& outcome);
// Each diagnostic with its source line, a caret under the place and the hint; "" when there is
// none.
[[nodiscard]] std::string check_text(const LoadOutcome& outcome);

// Load, and compile too: what `policy check` means by "ok". Limits of the image become a
// diagnostic of the file as a whole.
[[nodiscard]] LoadOutcome check_file(const std::filesystem::path& path, LoadOptions options = {});

}  // namespace portlid::policy
