// SPDX-License-Identifier: Apache-2.0
// What is wrong with what listens, as numbered findings. Pure: everything it knows comes in through
// AuditInput. Numbers are public and never reused; a finding's key stays the same as long as the
// fault does, so that two audits can be compared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.hpp"
#include "inventory/exposure.hpp"
#include "inventory/raw_use.hpp"

namespace portlid::inventory {

enum class FindingKind : std::uint8_t {
    WildcardBind = 1,   // listens everywhere, the policy means it for a few addresses or zones
    NoService = 2,      // a stranger's packet gets there (or would), no service says why
    NoListener = 3,     // a service opens a port that nobody listens on
    UfwBypassed = 4,    // UFW keeps the port shut, the engine's DNAT goes round it
    Ipv6Open = 5,       // open over IPv6 where IPv4 is closed
    SensitivePort = 6,  // database, cache or administration in everybody's reach
    EngineApi = 7,      // a container engine's API on TCP: root for whoever connects
    EngineSocketMounted = 8,  // a container holds the engine's socket: root for whoever is inside
    UnfilteredTunnel = 9,     // inner packets of a tunnel come in where nothing filters
    SwarmControl = 10,        // cluster management and overlay ports in everybody's reach
    RawSocket = 11,           // a container hears or forges packets without opening a port
};
[[nodiscard]] const char* to_string(FindingKind kind);   // "ufw_bypassed"
[[nodiscard]] std::string finding_id(FindingKind kind);  // "PL004"

struct Finding {
    FindingKind kind = FindingKind::NoService;
    event::Severity severity = event::Severity::Medium;
    std::string key;   // "PL004 tcp 0.0.0.0:8080"
    std::string what;  // one sentence each; texts of others are printable already
    std::string why;
    std::string fix;  // what to type, or to write
    // Where: a port of this host, or else the container or the interface alone.
    std::optional<std::uint8_t> protocol;
    std::optional<IpAddress> address;
    HostPort port;
    HostPort last_port;
    std::string holder, container, interface_name, service;
    std::vector<std::string> zones;  // from which it can be reached now
};

// An interface of this host that no packet program is attached to.
struct UnfilteredDevice {
    std::string name;
    std::string kind;                  // IFLA_INFO_KIND
    std::vector<IpAddress> addresses;  // its own
    bool up = false;
};
// A device that unwraps packets which came in through another one.
[[nodiscard]] bool is_tunnel(std::string_view kind);

struct AuditInput {
    const std::vector<Exposure>* exposures = nullptr;  // of join()
    const policy::Policy* policy = nullptr;            // may be null
    std::vector<std::shared_ptr<const identity::EngineSnapshot>> engines;
    std::vector<UnfilteredDevice> unfiltered;
    std::vector<RawUse> raw;
};

// By number, then by place. Neighbouring ports of one holder and fate are one finding.
[[nodiscard]] std::vector<Finding> audit(const AuditInput& input);

// What a well-known service port is called, "" for the rest: what strangers should not reach.
[[nodiscard]] std::string_view sensitive_name(std::uint8_t protocol, HostPort port);
// The same by the program that holds the port, wherever it listens.
[[nodiscard]] std::string_view sensitive_program(std::string_view exe);

}  // namespace portlid::inventory
