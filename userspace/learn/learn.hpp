// SPDX-License-Identifier: Apache-2.0
// What was used, out of what the ledger saw. Pure: flows in, services with their evidence out.
// The rules of what is a use, a probe and a scanner stand in README.md.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "history/flow.hpp"
#include "policy/model.hpp"

namespace portlid::learn {

// A source that tried so many ports without using them is a scanner: nothing it did is use.
inline constexpr std::size_t kScannerPorts = 4;
// Up to so many sources are listed one by one.
inline constexpr std::size_t kFewSources = 8;
// More of them are listed by their networks (IPv4 /24, IPv6 /48) where these are few and each has
// several; else the service is open.
inline constexpr std::size_t kFewNetworks = 4;
inline constexpr std::size_t kSourcesOfANetwork = 3;
constexpr std::size_t kSourcesShown = 8;

struct Evidence {
    WallTime first, last;
    std::uint64_t packets = 0;
    std::size_t sources = 0;
    std::set<IpAddress> some_sources;  // at most kSourcesShown
    std::shared_ptr<const history::Target> target = std::make_shared<history::Target>();
};

struct LearntService {
    policy::Service service;
    Evidence evidence;
};

struct Scanner {
    std::string source;
    std::size_t ports = 0;  // tried and not used
};

struct Learnt {
    std::vector<LearntService> services;
    std::set<std::string> zones;    // in which something was used
    std::vector<Scanner> scanners;  // the busiest, at most 10
    std::size_t scanners_total = 0;
    std::size_t probes = 0;  // (source, port) pairs that were no use
    std::size_t flows = 0;   // rows looked at
    bool pinged = false;
    std::set<std::uint8_t> protocols;  // others that were used
};

class Learner {
public:
    // `in_force` names the zones and keeps its limits; it must outlive the learner.
    explicit Learner(const policy::Policy& in_force) : policy_(in_force) {}

    // Flows must come sorted by source; memory is that of one source and of what was used.
    void add(const history::Flow& flow);
    [[nodiscard]] Learnt finish();

private:
    struct PortKey {
        std::string zone;
        std::uint8_t protocol = 0;
        std::uint16_t port_host = 0;
        auto operator<=>(const PortKey&) const = default;
    };
    struct Use {
        std::set<IpAddress> sources;
        Evidence evidence;
    };

    void judge_source();
    void take(const PortKey& key, const history::Flow& flow);
    void note_scanner(std::size_t ports);

    const policy::Policy& policy_;
    IpAddress source_;
    std::map<PortKey, history::Flow> tried_;  // by the source that is being read
    std::map<PortKey, Use> used_;
    Learnt result_;
};

[[nodiscard]] Learnt learn(const policy::Policy& in_force, std::span<const history::Flow> flows);

// "203.0.113.9" or "2001:db8:1:2::/64", as the ledger keeps a source.
[[nodiscard]] Cidr source_prefix(const IpAddress& source);

// The policy in force with these services instead of its own; zones in which something was used
// drop the rest. Loads without errors, or says why not.
[[nodiscard]] Result<std::string> policy_text(const policy::Policy& in_force, const Learnt& learnt,
                                              WallTime since, WallTime now);
// The document portlid.learn/v1, one line.
[[nodiscard]] std::string learn_json(const Learnt& learnt, const std::string& policy_text,
                                     WallTime since);

}  // namespace portlid::learn
