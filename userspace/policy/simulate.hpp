// SPDX-License-Identifier: Apache-2.0
// The pipeline of bpf/lib compiled natively, with plain tables instead of maps: what `explain
// --offline`, `policy test`, the exposure table and the fuzzers ask. No second implementation.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "abi/maps.h"
#include "base/address.hpp"
#include "lib/keyed_hash.h"
#include "policy/compile.hpp"
#include "policy/owners.hpp"

namespace portlid::policy {

// Tries of sources at limited services, as the kernel counts them.
struct LimitTable {
    std::vector<limit_set> sets = std::vector<limit_set>(LIMIT_SETS);
    hash_seed seed = hash_seed_of(0);
};

// What the kernel keeps in maps besides the policy.
struct HostTables {
    std::set<IpAddress> own;                 // local_addresses
    std::map<Cidr, std::uint32_t> networks;  // NETWORK_*
    std::vector<flow_key> flows;             // flows this host opened
    std::map<Cidr, std::uint64_t> bans;      // deadline in boot time; BAN_FOR_EVER
    std::vector<std::pair<flow_key, existing_flow>> existing;  // open when a zone began to enforce
    HeldPorts held;                                            // who sits on owned ports
    LimitTable* limits = nullptr;   // none: every source is new to every limit
    std::uint64_t now_boot_ns = 1;  // flows were last used now
};

struct Judgement {
    verdict_word verdict = VERDICT_allow;
    reason why = REASON_no_policy;
    std::uint16_t rule = 0;
};

// One new flow as the outside would send it: a TCP SYN, a UDP datagram, an echo request.
struct Probe {
    unsigned zone = 0;
    std::uint8_t protocol = 6;  // IPPROTO_*
    IpAddress source;
    IpAddress destination;  // any() = "one of this host's own addresses"
    HostPort port;
};

// Judges a whole frame (Ethernet, or IP when `layer3`) as if it came in through `zone`. `own_mac`:
// the interface's address, first byte lowest; 0 = every station is ours.
[[nodiscard]] Judgement judge_frame(const CompiledPolicy& policy, const HostTables& tables,
                                    unsigned zone, std::span<const std::uint8_t> frame,
                                    bool layer3 = false, std::uint64_t own_mac = 0);
// The IP packet that a stranger would send; source and destination are of one family. Its ports
// begin at ports_offset(): source port, destination port, in network order.
[[nodiscard]] std::vector<std::uint8_t> probe_packet(const Probe& probe);
[[nodiscard]] constexpr std::size_t ports_offset(Family family) {
    return family == Family::IPv4 ? 20 : 40;
}
// Builds the frame for `probe` and judges it.
[[nodiscard]] Judgement judge_probe(const CompiledPolicy& policy, const HostTables& tables,
                                    const Probe& probe);

// From which sources of a zone a port on one own address can be reached.
enum class Reach : std::uint8_t { Open, Restricted, Closed };
[[nodiscard]] const char* to_string(Reach reach);  // "open", "restricted", "closed"
struct PortReach {
    Reach now = Reach::Closed;       // with the modes in force
    Reach enforced = Reach::Closed;  // as if every rule enforced
    std::uint16_t rule = 0;          // that decides for an unlisted source
};
// `protocol` is IPPROTO_TCP or IPPROTO_UDP; `address` any() stands for all own addresses of that
// family (the widest answer). `held`: who sits on owned ports; without it nobody does.
[[nodiscard]] PortReach port_reach(const CompiledPolicy& policy, unsigned zone,
                                   std::uint8_t protocol, const IpAddress& address, HostPort port,
                                   const HeldPorts* held = nullptr);
// Names of services that name the port in any zone, "" when none.
[[nodiscard]] std::string service_on(const Policy& policy, std::uint8_t protocol, HostPort port);

}  // namespace portlid::policy
