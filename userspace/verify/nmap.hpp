// SPDX-License-Identifier: Apache-2.0
// A scan from outside, as `nmap -oX` writes it. The file is somebody else's: no document type of
// its own, no entities, nothing is fetched, sizes and depth are bounded.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace portlid::verify {

inline constexpr std::size_t kMaxScanBytes = std::size_t{64} << 20U;
inline constexpr std::size_t kMaxScannedHosts = 256;

// nmap's words. NotScanned also where the file does not say which ports it means.
enum class ScanState : std::uint8_t {
    NotScanned,
    Open,
    Closed,
    Filtered,
    Unfiltered,
    OpenOrFiltered,
    ClosedOrFiltered
};
[[nodiscard]] const char* to_string(ScanState state);  // "open", "open|filtered", …

struct ScannedHost {
    std::vector<IpAddress> addresses;
    // By protocol (0 = TCP, 1 = UDP) and port; empty when nothing of the protocol was scanned.
    std::array<std::vector<ScanState>, 2> ports;
};

// Hosts that were up. The error names the line.
[[nodiscard]] Result<std::vector<ScannedHost>> read_nmap(std::string_view xml);

}  // namespace portlid::verify
