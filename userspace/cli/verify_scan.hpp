// SPDX-License-Identifier: Apache-2.0
// `portlid verify --nmap`: finds the rows of the matrix that the scan went through.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/json_access.hpp"
#include "verify/nmap.hpp"

namespace portlid::cli {

struct ScanChoice {
    std::string from;  // where the scan came from; "" = a stranger
    std::string zone;  // "" = the only one there is
};

[[nodiscard]] Result<std::vector<verify::ScannedHost>> read_scan(const std::string& path);
// {"host":…,"zone":…,"source":…,"compared":…,"findings":[…]}
[[nodiscard]] Result<Json> compare_with_scan(const Json& document,
                                             const std::vector<verify::ScannedHost>& hosts,
                                             const ScanChoice& choice);
// Something is open outside that should not be, or shut that should not be; nobody listening on
// an open port is no such thing.
[[nodiscard]] bool scan_misfits(const Json& scan);

}  // namespace portlid::cli
