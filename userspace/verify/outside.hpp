// SPDX-License-Identifier: Apache-2.0
// A scan from outside against what the host lets in: where the two do not fit.
#pragma once

#include <string>
#include <vector>

#include "abi/reasons.h"
#include "verify/matrix.hpp"
#include "verify/nmap.hpp"

namespace portlid::verify {

enum class Misfit : std::uint8_t {
    Leak,     // dropped here, yet it answered: the packet came another way
    Exposed,  // open, and only because the rule that closes it monitors
    Blocked,  // let in here, yet nothing answered: something else dropped it
    Unused,   // let in here, nobody listens
};
[[nodiscard]] const char* to_string(Misfit misfit);  // "leak", "exposed", "blocked", "unused"
[[nodiscard]] const char* sentence(Misfit misfit);   // for people

struct ScanFinding {
    Misfit misfit = Misfit::Leak;
    policy::PortProtocol protocol = policy::PortProtocol::Tcp;
    Ports ports;
    ScanState state = ScanState::NotScanned;
    verdict_word verdict = VERDICT_allow;
};

// By protocol (0 = TCP, 1 = UDP) and port.
using VerdictTable = std::array<std::vector<verdict_word>, 2>;

struct ScanComparison {
    std::vector<ScanFinding> findings;  // sorted by protocol and port
    std::uint64_t compared = 0;         // ports that were scanned
};
[[nodiscard]] ScanComparison compare_scan(const ScannedHost& host, const VerdictTable& verdicts);

}  // namespace portlid::verify
