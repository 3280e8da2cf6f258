// SPDX-License-Identifier: Apache-2.0
// The reference model: contract §3's decision table, row by row, over the policy as values. Slow,
// small and obvious; linear scans only; shares no line with bpf/ or userspace/policy/compile, so
// that where it and the datapath agree, two readings of the contract agree.
//
// Choices that the contract leaves open are those of bpf/README.md and policy/README.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "abi/reasons.h"
#include "policy/model.hpp"
#include "support/reference_packet.hpp"

namespace portlid::test {

// What the host is, as far as a verdict depends on it.
struct ReferenceHost {
    struct Network {
        enum class Kind { Connected, Container, Broadcast };
        Cidr prefix;
        Kind kind = Kind::Connected;
    };
    struct Flow {  // one that this host or one of its containers opened
        IpAddress local;
        IpAddress remote;
        unsigned local_port = 0;  // ICMP echo: the identifier
        unsigned remote_port = 0;
        unsigned protocol = 0;
        unsigned idle_seconds = 0;  // since our last packet
    };
    struct Ban {
        Cidr source;
        bool expired = false;
    };
    struct OpenFlow {  // a TCP connection of a stranger that was open
        Flow flow;
        bool before_the_flip = true;  // or only since the zone enforces
    };
    struct Holder {  // one socket that a packet may be for
        IpAddress address;
        unsigned port = 0;
        unsigned protocol = 0;
        bool v6only = false;  // of `::` only
        // Each owner that it was proven to belong to: the words of an `owner:`.
        std::vector<std::map<std::string, std::string>> owners;
        [[nodiscard]] bool belongs_to(const policy::Owner& owner) const {
            return std::find(owners.begin(), owners.end(), owner.matches) != owners.end();
        }
    };
    std::vector<IpAddress> own;
    std::vector<Holder> holders;
    std::vector<Network> networks;
    std::vector<Flow> flows;
    std::vector<Ban> bans;
    std::vector<OpenFlow> open_flows;
    std::uint64_t enforced_for_ms = 0;  // every zone that enforces, for so long
    bool budgets_spent = false;         // every source has used up its fragments and ICMP errors
};

// How a frame came in.
struct Arrival {
    std::size_t zone = 0;  // index into policy.zones
    bool layer3 = false;
    bool tag_taken_off = false;  // the NIC removed one VLAN tag (tc only)
    bool force_monitor = false;  // a catch_all interface: nothing is dropped
    std::array<std::uint8_t, 6> mac{};
};

[[nodiscard]] const char* word_of(reason why);            // "no_service"
[[nodiscard]] const char* word_of(verdict_word verdict);  // "would_drop"

// Tries at limited services: every one ever made, by whom, when.
class ReferenceLimits {
public:
    // One more try of `source` at `service`, which has a limit, at `now_ms`; true when it passes.
    bool allows(const policy::Service& service, const IpAddress& source, std::uint64_t now_ms);

private:
    // Of the last period; one a try, two a refused one.
    std::map<std::pair<std::string, IpAddress>, std::vector<std::uint64_t>> stamps_ms_;
};

struct ReferenceAnswer {
    verdict_word verdict = VERDICT_allow;
    // The first is that of the row that decides; the others fit as well (contract: where several
    // drop reasons fit, any of them may be reported; a cheaper order may find another row that
    // allows).
    std::vector<reason> reasons;
    std::string rule;  // the name of the service that opens the port, "" otherwise
    bool uses_budget = false;
    bool uses_limit = false;  // a try was counted: asking again would be another try

    [[nodiscard]] bool accepts(verdict_word word, reason why) const;
    [[nodiscard]] std::string to_string() const;
};

[[nodiscard]] ReferenceAnswer judge_slowly(const policy::Policy& policy, const ReferenceHost& host,
                                           const Arrival& arrival,
                                           std::span<const std::uint8_t> frame,
                                           ReferenceLimits& limits, std::uint64_t now_ms);

}  // namespace portlid::test
