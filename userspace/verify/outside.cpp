// SPDX-License-Identifier: Apache-2.0
#include "verify/outside.hpp"

#include <algorithm>

namespace portlid::verify {

namespace {

// Something came back: an open service, a reset, a port-unreachable.
bool answered(ScanState state) {
    return state == ScanState::Open || state == ScanState::Closed || state == ScanState::Unfiltered;
}

// UDP that is open says nothing to an empty datagram, so open|filtered is no misfit either way.
std::optional<Misfit> judge(ScanState state, verdict_word verdict) {
    if (verdict == VERDICT_drop)
        return answered(state) ? std::optional(Misfit::Leak) : std::nullopt;
    if (verdict == VERDICT_would_drop)
        return state == ScanState::Open ? std::optional(Misfit::Exposed) : std::nullopt;
    if (state == ScanState::Closed) return Misfit::Unused;
    if (state == ScanState::Filtered || state == ScanState::ClosedOrFiltered)
        return Misfit::Blocked;
    return std::nullopt;
}

void add(std::vector<ScanFinding>& findings, const ScanFinding& found) {
    if (!findings.empty()) {
        auto& last = findings.back();
        if (last.misfit == found.misfit && last.protocol == found.protocol &&
            last.state == found.state && last.verdict == found.verdict &&
            last.ports.last_host + 1U == found.ports.first_host) {
            last.ports.last_host = found.ports.last_host;
            return;
        }
    }
    findings.push_back(found);
}

}  // namespace

const char* to_string(Misfit misfit) {
    switch (misfit) {
        case Misfit::Leak:
            return "leak";
        case Misfit::Exposed:
            return "exposed";
        case Misfit::Blocked:
            return "blocked";
        case Misfit::Unused:
            return "unused";
    }
    return "leak";
}

const char* sentence(Misfit misfit) {
    switch (misfit) {
        case Misfit::Leak:
            return "dropped here, yet it answered: another interface, or a scan of another moment?";
        case Misfit::Exposed:
            return "open; the rule that closes it only monitors";
        case Misfit::Blocked:
            return "let in here, yet nothing answered: UFW, or a firewall on the way?";
        case Misfit::Unused:
            return "let in here, nobody listens";
    }
    return "";
}

ScanComparison compare_scan(const ScannedHost& host, const VerdictTable& verdicts) {
    ScanComparison out;
    for (std::size_t protocol = 0; protocol < 2; ++protocol) {
        const auto& scanned = host.ports[protocol];
        const auto ports = std::min(scanned.size(), verdicts[protocol].size());
        for (std::size_t port = 0; port < ports; ++port) {
            if (scanned[port] == ScanState::NotScanned) continue;
            ++out.compared;
            const auto verdict = verdicts[protocol][port];
            const auto misfit = judge(scanned[port], verdict);
            if (!misfit) continue;
            const auto number = static_cast<std::uint16_t>(port);
            add(out.findings,
                {*misfit,
                 protocol == 0 ? policy::PortProtocol::Tcp : policy::PortProtocol::Udp,
                 {number, number},
                 scanned[port],
                 verdict});
        }
    }
    return out;
}

}  // namespace portlid::verify
